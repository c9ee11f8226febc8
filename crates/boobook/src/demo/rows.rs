//! The demo's records, as the bodies of `POST T/records`.

use serde_json::{Value, json};

use super::random::Dice;

const FIRST: &[&str] = &[
    "Anna", "Ben", "Clara", "David", "Emma", "Finn", "Grace", "Henry", "Ida", "Jack", "Käthe", "Liam", "Mia",
    "Noah", "Olivia", "Paul", "Rosa", "Søren", "Tilda", "Zoë",
];
const LAST: &[&str] = &[
    "Adler", "Brown", "Clark", "Dietrich", "Evans", "Fischer", "Günther", "Harris", "Ingram", "Jäger",
    "Köhler", "Lewis", "Müller", "Nguyen", "O'Connor", "Peters", "Quast", "Roßbach", "Schäfer", "Taylor",
];
const TRADES: &[&str] = &[
    "Holzbau",
    "Metallbau",
    "Papeterie",
    "Garden Supplies",
    "Elektro",
    "Coffee Roasters",
    "Optik",
    "Fahrräder",
];
const FORMS: &[&str] = &["GmbH", "AG", "Ltd", "e. K."];
const BRANCHES: &[&str] = &["Handel", "Handwerk", "Industrie", "Dienstleistung"];
const PLACES: &[(&str, &str)] = &[
    ("Hafenstraße 12, Hamburg", "53.5436,9.9658"),
    ("Invalidenstraße 40, Berlin", "52.5312,13.3849"),
    ("12 Foregate Street, Chester", "53.1905,-2.8870"),
    ("Ludwigstraße 3, München", "48.1496,11.5799"),
    ("8 Harbour Road, Portree", "57.4125,-6.1964"),
];
const PRODUCTS: &[(&str, &str, u32)] = &[
    ("Hobel", "Werkzeug", 4_900),
    ("Stechbeitel", "Werkzeug", 1_850),
    ("Japanese saw", "Werkzeug", 3_990),
    ("Oak board", "Material", 2_400),
    ("Leimholzplatte", "Material", 3_150),
    ("Brass screws", "Material", 799),
    ("Leinöl", "Material", 1_290),
    ("Delivery", "Service", 2_500),
    ("Montage", "Service", 6_900),
    ("Sharpening", "Service", 950),
    ("Werkbank", "Werkzeug", 49_900),
    ("Workshop course", "Service", 12_900),
];
const STATUS: &[&str] = &["offen", "bestätigt", "geliefert", "storniert"];

/// All records by table; one that is referred to comes before those that refer to it.
pub(super) fn all(contacts: usize) -> impl Iterator<Item = (&'static str, Vec<Value>)> {
    let customers = contacts / 5 + 1;
    let orders = contacts / 2 + 1;
    let (orders_made, items, invoices) = order_rows(orders, customers, contacts);
    [
        ("Customer", (1..=customers).map(customer).collect()),
        ("Contact", (1..=contacts).map(|n| contact(n, customers)).collect()),
        ("Product", (1..=PRODUCTS.len()).map(product).collect::<Vec<_>>()),
        ("Order", orders_made),
        ("Order item", items),
        ("Invoice", invoices),
    ]
    .into_iter()
}

fn date(dice: &mut Dice, from_year: usize, to_year: usize) -> String {
    format!("{:04}-{:02}-{:02}", dice.between(from_year, to_year), dice.between(1, 12), dice.between(1, 28))
}

/// Cents as a number with two digits.
fn euros(cents: u64) -> Value {
    if cents.is_multiple_of(100) { json!(cents / 100) } else { json!(cents as f64 / 100.0) }
}

fn customer(n: usize) -> Value {
    let mut dice = Dice::new(&format!("customer {n}"));
    let owner = dice.pick(LAST);
    let name = format!("{owner} {}", dice.pick(TRADES));
    let host = format!("kunde{n}.example");
    let (place, position) = PLACES[dice.below(PLACES.len())];
    let branches: Vec<&str> = BRANCHES.iter().copied().filter(|_| dice.chance(40)).collect();
    let mut fields = json!({
        "Name": name,
        "Legal form": dice.pick(FORMS),
        "Website": format!("https://www.{host}"),
        "Email": format!("info@{host}"),
        "Phone": format!("+49 40 {}", dice.between(100_000, 999_999)),
        "Location": format!("{place}\n<{position}>"),
        "Customer since": date(&mut dice, 2004, 2025),
        "Active": dice.chance(80),
        "Rating": dice.between(1, 5),
        "Color": dice.pick(&["#4970ff", "#22a06b", "#e2b203", "#c9372c"]),
        "Icon": dice.pick(&["star", "building", "tree", "bike"]),
        "Account manager": dice.pick(&["anna", "ben"]),
    });
    if !branches.is_empty() {
        fields["Branchen"] = json!(branches);
    }
    if dice.chance(30) {
        fields["Notes"] = json!("<p>Zahlt pünktlich. <b>Prefers e-mail.</b></p>");
    }
    json!({ "fields": fields })
}

fn contact(n: usize, customers: usize) -> Value {
    let mut dice = Dice::new(&format!("contact {n}"));
    let mut fields = json!({
        "First name": dice.pick(FIRST),
        "Last name": dice.pick(LAST),
        "Customer": dice.between(1, customers),
        "Email": format!("contact{n}@example.com"),
        "Language": dice.pick(&["Deutsch", "English"]),
        "Newsletter": dice.chance(50),
    });
    if dice.chance(70) {
        fields["Birthday"] = json!(date(&mut dice, 1950, 2004));
    }
    if dice.chance(60) {
        fields["Phone"] = json!(format!("+49 170 {}", dice.between(1_000_000, 9_999_999)));
        fields["Best time to call"] =
            json!(format!("{:02}:{:02}:00", dice.between(8, 17), 15 * dice.below(4)));
    }
    json!({ "fields": fields })
}

fn product(n: usize) -> Value {
    let mut dice = Dice::new(&format!("product {n}"));
    let (name, category, cents) = PRODUCTS[n - 1];
    json!({"fields": {
        "Name": name,
        "Number": format!("P-{n:04}"),
        "Price": euros(u64::from(cents)),
        "Cost": euros(u64::from(cents) * dice.between(45, 80) as u64 / 100),
        "Category": category,
        "Lead time": format!("{}:00:00", 24 * dice.between(1, 14)),
        "Available from": date(&mut dice, 2023, 2026),
        "Description": format!("<p><i>{name}</i> – geprüfte Qualität, made to last.</p>"),
    }})
}

/// Orders with their items and invoices, which depend on each other's sums.
fn order_rows(orders: usize, customers: usize, contacts: usize) -> (Vec<Value>, Vec<Value>, Vec<Value>) {
    let (mut made, mut items, mut invoices) = (Vec::new(), Vec::new(), Vec::new());
    for n in 1..=orders {
        let mut dice = Dice::new(&format!("order {n}"));
        let day = date(&mut dice, 2024, 2026);
        let status = dice.pick(STATUS);
        let hour = dice.between(8, 15);
        let mut fields = json!({
            "Number": format!("A-{n:05}"),
            "Customer": dice.between(1, customers),
            "Ordered at": format!("{day}T{hour:02}:{:02}:00", dice.below(60)),
            "Status": status,
            "Delivery": format!("{day}T{hour:02}:30:00 - {day}T{:02}:30:00", hour + 2),
            "Preferred product": dice.between(1, PRODUCTS.len()),
            "Gift options": [dice.between(1, 4), dice.between(5, 9)],
        });
        if contacts > 0 {
            fields["Contact"] = json!(dice.between(1, contacts));
        }
        if dice.chance(25) {
            fields["Comment"] = json!("Bitte vorher anrufen.\nRing the bell twice.");
        }
        made.push(json!({ "fields": fields }));
        let mut sum = 0;
        for _ in 0..dice.between(1, 4) {
            let product = dice.below(PRODUCTS.len());
            let (quantity, cents) = (dice.between(1, 6), u64::from(PRODUCTS[product].2));
            let mut item =
                json!({"Order": n, "Product": product + 1, "Quantity": quantity, "Unit price": euros(cents)});
            let discount = if dice.chance(15) { 5 } else { 0 };
            if discount > 0 {
                item["Discount"] = json!(discount);
            }
            // Rounded as the formula `Net` rounds it.
            sum += (quantity as u64 * cents * (100 - discount) + 50) / 100;
            items.push(json!({ "fields": item }));
        }
        if matches!(status, "geliefert" | "bestätigt") {
            let paid = dice.chance(70);
            let mut invoice = json!({
                "Number": format!("R-{:05}", invoices.len() + 1),
                "Order": n, "Issued": day, "Due": date(&mut dice, 2026, 2026), "Amount": euros(sum), "Paid": paid,
            });
            if paid {
                invoice["Paid at"] = json!(format!("{}T10:00:00", date(&mut dice, 2026, 2026)));
            }
            invoices.push(json!({ "fields": invoice }));
        }
    }
    (made, items, invoices)
}
