// Every call of the npm client `ninoxjs` that the server answers, against a running server.
//
//   NINOX_MODULES=<folder with node_modules> NINOX_URL=… NINOX_KEY=… NINOX_TEAM=<name> NINOX_DATABASE=<name> node run.mjs
//
// The database holds a table `Contact` (Name string, Age number, Status choice: new, won) without records.
// `query` and `getFile` are not called yet: the server does not answer them so far.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";

const env = process.env;
const require = createRequire(path.join(env.NINOX_MODULES, "package.json"));
const ninox = require("ninoxjs");

let passed = 0;
let failed = 0;

async function check(name, call) {
  try {
    await call();
    passed += 1;
    console.log(`ok - ${name}`);
  } catch (error) {
    failed += 1;
    const answer = error.response ? ` (${error.response.status} ${JSON.stringify(error.response.data)})` : "";
    console.log(`not ok - ${name}: ${error.message}${answer}`);
  }
}

const access = { uri: env.NINOX_URL, authKey: env.NINOX_KEY, team: env.NINOX_TEAM, database: env.NINOX_DATABASE };
const names = (records) => records.map((record) => record.fields.Name);

await check("auth refuses a wrong key", () =>
  assert.rejects(ninox.auth({ ...access, authKey: "wrong" }), (error) => error.response.status === 401));
await check("auth does not find another team", () =>
  assert.rejects(ninox.auth({ ...access, team: "Nobody" }), /Team not found/));
await check("auth does not find another database", () =>
  assert.rejects(ninox.auth({ ...access, database: "Nothing" }), /Database not found/));
await check("auth finds team and database by name", async () => {
  const self = await ninox.auth(access);
  assert.match(self.teamId, /^[a-z0-9]{17}$/);
  assert.match(self.databaseId, /^[a-z0-9]{12}$/);
});

await check("saveRecords creates", async () => {
  const saved = await ninox.saveRecords("Contact", [
    { fields: { Name: "Jane Doe", Age: 33, Status: "new" } },
    { fields: { Name: "John & Söhne", Age: 21 } },
    { fields: { Name: "Ömer", Age: 21, Status: "won" } },
  ]);
  assert.deepEqual(saved, { success: true, ids: [1, 2, 3] });
});
await check("saveRecords updates by an id in a string and creates in the same call", async () => {
  const saved = await ninox.saveRecords("Contact", [
    { id: "2", fields: { Age: 22 } },
    { fields: { Name: "Zoë" } },
  ]);
  assert.deepEqual(saved, { success: true, ids: [2, 4] });
});
await check("saveRecords writes nothing where one record is refused", async () => {
  const wrong = [{ fields: { Name: "Nobody" } }, { fields: { Age: "abc" } }];
  await assert.rejects(ninox.saveRecords("Contact", wrong), (error) => {
    assert.equal(error.response.status, 400);
    assert.match(error.response.data.message, /records\[1\]\.fields\.Age: expected a number, got "abc"/);
    return true;
  });
  assert.equal((await ninox.getRecords("Contact")).length, 4);
});

await check("getRecords gives all records", async () => {
  const records = await ninox.getRecords("Contact");
  assert.deepEqual(names(records), ["Jane Doe", "John & Söhne", "Ömer", "Zoë"]);
  const [first] = records;
  assert.deepEqual(Object.keys(first).sort(),
    ["createdAt", "createdBy", "fields", "id", "modifiedAt", "modifiedBy", "sequence"]);
  assert.deepEqual(first.fields, { Name: "Jane Doe", Age: 33, Status: "new" });
});
await check("getRecords by table id and by a name in another case", async () => {
  assert.equal((await ninox.getRecords("A")).length, 4);
  assert.equal((await ninox.getRecords("contact")).length, 4);
});
await check("getRecords filters", async () => {
  assert.deepEqual(names(await ninox.getRecords("Contact", { Age: 21 })), ["Ömer"]);
  assert.deepEqual(names(await ninox.getRecords("Contact", { Name: "John & Söhne" })), ["John & Söhne"]);
  assert.deepEqual(names(await ninox.getRecords("Contact", { Status: "won", Age: 21 })), ["Ömer"]);
  assert.deepEqual(await ninox.getRecords("Contact", { Name: "Nobody" }), []);
});
await check("getRecords trims fields", async () => {
  const only = await ninox.getRecords("Contact", { Name: "Jane Doe" }, ["Age"]);
  assert.deepEqual(only[0].fields, { Age: 33 });
  const without = await ninox.getRecords("Contact", { Name: "Jane Doe" }, [], ["Age"]);
  assert.deepEqual(without[0].fields, { Name: "Jane Doe", Status: "new" });
});

await check("getRecord", async () => {
  const record = await ninox.getRecord("Contact", 2);
  assert.equal(record.id, 2);
  assert.deepEqual(record.fields, { Name: "John & Söhne", Age: 22 });
  assert.deepEqual((await ninox.getRecord("Contact", 2, ["Age"])).fields, { Age: 22 });
});
await check("getRecord of an unknown id", () =>
  assert.rejects(ninox.getRecord("Contact", 99), (error) => {
    assert.equal(error.response.status, 404);
    assert.equal(error.response.data.message, "Record Not Found");
    return true;
  }));

await check("deleteRecord", async () => {
  assert.equal(await ninox.deleteRecord("Contact", 1), true);
  await assert.rejects(ninox.getRecord("Contact", 1), (error) => error.response.status === 404);
});
await check("deleteRecords", async () => {
  assert.equal(await ninox.deleteRecords("Contact", [2, 3]), true);
  assert.deepEqual(names(await ninox.getRecords("Contact")), ["Zoë"]);
});
await check("9,999 records come in one answer", async () => {
  const many = Array.from({ length: 9_998 }, (_, n) => ({ fields: { Name: `Contact ${n}`, Age: n } }));
  await ninox.saveRecords("Contact", many);
  const records = await ninox.getRecords("Contact");
  assert.equal(records.length, 9_999);
  assert.equal(records.at(-1).fields.Name, "Contact 9997");
});

console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
