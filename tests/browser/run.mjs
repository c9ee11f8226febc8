// The shared page in Chromium: desktop and phone, light and dark, English and German. Pictures go to BROWSER_PICTURES.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const { chromium } = createRequire(join(process.env.BROWSER_MODULES, "package.json"))("playwright-core");
const { LINK, LONG_LINK, SECRET_LINK, DEAD_LINK, BROWSER_PICTURES } = process.env;
mkdirSync(BROWSER_PICTURES, { recursive: true });

const browser = await chromium.launch({
  executablePath: process.env.BROWSER_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"],
});

/** A page that fails the test where anything runs, complains, or leaves our server. */
async function open(options, check) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const wrong = [];
  page.on("console", (message) => {
    // A refused page is a failed load to the browser, and just what is asked for.
    if (message.type() === "error" && !/status of (403|404)/.test(message.text())) wrong.push(message.text());
  });
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("dialog", (dialog) => { wrong.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => {
    if (!request.url().startsWith(new URL(LINK).origin) && !request.url().startsWith("data:")) wrong.push(request.url());
  });
  await check(page);
  assert.deepEqual(wrong, []);
  await context.close();
}

const picture = (page, name) => page.screenshot({ path: join(BROWSER_PICTURES, `${name}.png`) });
const cells = (page, column) => page.locator(`tbody tr:not(.group,.sum) td:nth-child(${column})`).allTextContents();

/** Nothing of ours or of anybody else's runs, and nothing sticks out. */
async function isCalm(page) {
  // `evaluate` works whatever the page's policy says.
  const state = await page.evaluate(() => ({
    ran: globalThis.ran,
    scripts: document.scripts.length,
    handlers: [...document.querySelectorAll("*")].flatMap((e) => [...e.attributes].map((a) => a.name)).filter((n) => n.startsWith("on")),
    foreign: [...document.links].map((a) => a.protocol).filter((p) => !["http:", "https:", "mailto:", "tel:"].includes(p)),
    images: document.images.length,
    tooWide: document.documentElement.scrollWidth > innerWidth,
    font: getComputedStyle(document.body).fontFamily,
  }));
  assert.deepEqual(state, { ran: undefined, scripts: 0, handlers: [], foreign: [], images: 0, tooWide: false, font: state.font });
  assert.match(state.font, /system-ui/, "the style sheet is in force");
}

const devices = {
  desktop: { viewport: { width: 1280, height: 800 } },
  phone: { viewport: { width: 390, height: 780 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
};
for (const [device, options] of Object.entries(devices)) {
  for (const colorScheme of ["light", "dark"]) {
    for (const locale of ["en-GB", "de-DE"]) {
      await open({ ...options, colorScheme, locale }, async (page) => {
        const answer = await page.goto(LINK);
        assert.equal(answer.status(), 200);
        assert.equal(await page.locator("html").getAttribute("lang"), locale.slice(0, 2));
        assert.equal(await page.locator("h1").textContent(), "Projects in hand");
        const german = locale.startsWith("de");
        assert.ok((await cells(page, 3)).includes(german ? "12.500,00 €" : "12,500.00 €"));
        assert.ok((await cells(page, 5)).includes(german ? "Ja" : "Yes"));
        const dark = await page.evaluate(() => getComputedStyle(document.querySelector(".table")).backgroundColor);
        assert.equal(dark === "rgb(255, 255, 255)", colorScheme === "light");
        await isCalm(page);
        await picture(page, `${device}-${colorScheme}-${locale.slice(0, 2)}`);
      });
    }
  }
}

// Text of people stays text.
await open(devices.desktop, async (page) => {
  await page.goto(`${LINK}?sort=0`);
  const names = await cells(page, 1);
  for (const evil of ["<script>ran = 1</script>", "\" onmouseover=\"ran = 2", "<img src=x onerror='ran = 3'>"]) {
    assert.ok(names.includes(evil), `${evil} in ${names}`);
  }
  for (const row of await page.locator("tbody tr").all()) await row.hover();
  const bad = page.locator("td", { hasText: "javascript:" });
  assert.equal(await bad.count(), 1);
  assert.equal(await bad.locator("a").count(), 0);
  assert.equal(await page.locator("a[href='https://www.owl.example/a?b=1&c=2']").count(), 1);
  assert.equal(await page.locator("a[href='tel:+4922112345']").count(), 1);
  assert.equal(await page.locator("a[href='mailto:ada@owl.example']").count(), 1);
  const arabic = page.locator("td", { hasText: "مشروع" });
  assert.equal(await arabic.evaluate((cell) => getComputedStyle(cell).direction), "rtl");
  await isCalm(page);
});

// Sorting is following links.
await open({ ...devices.desktop, locale: "en-GB" }, async (page) => {
  await page.goto(LONG_LINK);
  assert.equal((await cells(page, 1)).length, 500);
  await page.locator("th a", { hasText: "Amount" }).click();
  const amounts = async () => (await cells(page, 2)).filter((t) => t).map((t) => Number(t.replaceAll(",", "")));
  const up = await amounts();
  assert.equal(await page.locator("th", { hasText: "Amount" }).getAttribute("aria-sort"), "ascending");
  assert.deepEqual(up, up.toSorted((a, b) => a - b));
  await page.locator("th a", { hasText: "Amount" }).click();
  const down = await amounts();
  assert.equal(await page.locator("th", { hasText: "Amount" }).getAttribute("aria-sort"), "descending");
  assert.deepEqual(down, down.toSorted((a, b) => b - a));
  assert.ok(down[0] > up[0]);
  await page.locator("nav a", { hasText: "3" }).click();
  assert.equal((await cells(page, 1)).length, 200, "the last of 1,200 rows");
  assert.equal(await page.locator("nav [aria-current=page]").textContent(), "3");
  assert.ok(page.url().includes("sort=1"), "the order stays");
  await isCalm(page);
  await picture(page, "pages");
});

// On paper there is nothing to click.
await open(devices.desktop, async (page) => {
  await page.goto(LINK);
  await page.emulateMedia({ media: "print" });
  assert.equal(await page.locator("header .get").isVisible(), false);
  await page.screenshot({ path: join(BROWSER_PICTURES, "print.png"), fullPage: true });
});

// A password is asked for once.
await open({ ...devices.phone, locale: "de-DE" }, async (page) => {
  await page.goto(SECRET_LINK);
  await picture(page, "password");
  await page.getByLabel("Passwort").fill("falsch");
  await page.getByRole("button").click();
  assert.ok(await page.getByRole("alert").isVisible());
  await page.getByLabel("Passwort").fill("grün & blau");
  await page.getByRole("button").click();
  await page.waitForSelector("table");
  await page.locator("th a").first().click();
  await page.waitForSelector("table");
  assert.ok(page.url().includes("sort=0"));
  await isCalm(page);
});

await open({ ...devices.desktop, locale: "en-GB" }, async (page) => {
  assert.equal((await page.goto(DEAD_LINK)).status(), 404);
  assert.equal(await page.locator("h1").textContent(), "Nothing here");
  await isCalm(page);
  await picture(page, "gone");
});

await browser.close();
console.log(`pictures are in ${BROWSER_PICTURES}`);
