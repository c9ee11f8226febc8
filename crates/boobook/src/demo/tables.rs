//! The demo's tables and scripts, in the shape `POST P/tables` takes.

use boobook_model::JsonMap;
use serde_json::{Value, json};

/// What the scripts of all tables share.
pub(super) const GLOBAL_CODE: &str = r#""Prices are without VAT.";
function gross(net : number) do
	round(net * 1.19, 2)
end;
"A customer's class, by what was ordered.";
function classOf(turnover : number) do
	if turnover >= 3000 then
		"A"
	else
		if turnover >= 1000 then
			"B"
		else
			"C"
		end
	end
end;
"Triggers call this whenever the turnover may have changed.";
function classify(c : Customer) do
	c.Class := classOf(c.Turnover)
end"#;

/// The role of those who sell: what the margin is, and what is noted of a customer, is not for them.
pub(crate) const SALES: &str = "sales";

/// All tables; one that is referred to comes before those that refer to it.
pub(super) fn all() -> Vec<JsonMap> {
    [customer(), contact(), product(), order(), order_item(), invoice()]
        .into_iter()
        .filter_map(|table| match table {
            Value::Object(map) => Some(map),
            _ => None,
        })
        .collect()
}

fn customer() -> Value {
    json!({"name": "Customer", "icon": "building", "color": "#4970ff", "fields": [
        {"name": "Name", "type": "string", "required": true},
        {"name": "Legal form", "type": "choice", "choices": [
            {"caption": "GmbH", "color": "#4970ff"}, {"caption": "AG", "color": "#22a06b"},
            {"caption": "Ltd", "color": "#e2b203"}, {"caption": "e. K.", "color": "#c9372c"}]},
        {"name": "Branchen", "type": "multi", "choices": [
            {"caption": "Handel"}, {"caption": "Handwerk"}, {"caption": "Industrie"}, {"caption": "Dienstleistung"}]},
        {"name": "Website", "type": "link"},
        {"name": "Email", "type": "email"},
        {"name": "Phone", "type": "phone"},
        {"name": "Location", "type": "location"},
        {"name": "Customer since", "type": "date"},
        {"name": "Active", "type": "boolean"},
        {"name": "Rating", "type": "number"},
        {"name": "Notes", "type": "html", "readRoles": ["admin", "editor"]},
        {"name": "Color", "type": "color"},
        {"name": "Icon", "type": "icon"},
        {"name": "Account manager", "type": "user"},
        {"name": "Logo", "type": "image"},
        {"name": "Class", "type": "choice", "choices": [
            {"caption": "A", "color": "#22a06b"}, {"caption": "B", "color": "#e2b203"}, {"caption": "C"}]},
        {"name": "Turnover", "type": "fn", "fn": "round(sum(Orders[Status != \"storniert\"].Items.Net), 2)"},
        {"name": "Open invoices", "type": "fn", "fn": "cnt(Orders.Invoices[not Paid])"},
        {"name": "Open amount", "type": "fn", "fn": "round(sum(Orders.Invoices[not Paid].Amount), 2)"}]})
}

fn contact() -> Value {
    json!({"name": "Contact", "icon": "user", "fields": [
        {"name": "First name", "type": "string"},
        {"name": "Last name", "type": "string"},
        {"name": "Customer", "type": "ref", "referenceToTable": "Customer", "reverseName": "Contacts"},
        {"name": "Email", "type": "email"},
        {"name": "Phone", "type": "phone"},
        {"name": "Birthday", "type": "date"},
        {"name": "Language", "type": "choice", "choices": [
            {"caption": "Deutsch", "captions": {"en": "German"}}, {"caption": "English", "captions": {"de": "Englisch"}}]},
        {"name": "Newsletter", "type": "boolean"},
        {"name": "Best time to call", "type": "time"},
        {"name": "Photo", "type": "file"},
        {"name": "Full name", "type": "fn", "fn": "trim('First name' + \" \" + 'Last name')"}]})
}

fn product() -> Value {
    json!({"name": "Product", "icon": "box", "fields": [
        {"name": "Name", "type": "string", "required": true},
        {"name": "Number", "type": "string"},
        {"name": "Price", "type": "number"},
        {"name": "Category", "type": "choice", "choices": [
            {"caption": "Werkzeug"}, {"caption": "Material"}, {"caption": "Service"}]},
        {"name": "Lead time", "type": "timeinterval"},
        {"name": "Available from", "type": "date"},
        {"name": "Description", "type": "html"},
        {"name": "Data sheet", "type": "file"},
        {"name": "Cost", "type": "number", "readRoles": ["admin", "editor"]},
        {"name": "Margin", "type": "fn", "readRoles": ["admin", "editor"],
            "fn": "if Price > 0 then round((Price - Cost) / Price * 100, 1) end"},
        {"name": "Revenue", "type": "fn", "fn": "round(sum(Sold.Net), 2)"}]})
}

fn order() -> Value {
    json!({"name": "Order", "icon": "cart",
        "canRead": "Status != \"storniert\" or userRole() != \"sales\"",
        "canDelete": "Status != \"geliefert\"", "fields": [
        {"name": "Number", "type": "string", "default": "\"A-\" + lpad(text(Nr), 5, \"0\")"},
        {"name": "Customer", "type": "ref", "referenceToTable": "Customer", "reverseName": "Orders"},
        {"name": "Contact", "type": "ref", "referenceToTable": "Contact", "reverseName": "Orders"},
        {"name": "Ordered at", "type": "timestamp", "default": "now()"},
        {"name": "Status", "type": "choice", "default": "\"offen\"", "afterUpdate": "classify(Customer)", "choices": [
            {"caption": "offen", "color": "#e2b203"}, {"caption": "bestätigt", "color": "#4970ff"},
            {"caption": "geliefert", "color": "#22a06b"}, {"caption": "storniert", "color": "#c9372c"}]},
        {"name": "Delivery", "type": "appointment"},
        {"name": "Preferred product", "type": "dchoice"},
        {"name": "Gift options", "type": "dmulti"},
        {"name": "Signature", "type": "signature"},
        {"name": "Comment", "type": "string", "stringMultiline": true},
        {"name": "Booked total", "type": "number", "canWrite": "false", "afterUpdate": "classify(Customer)"},
        {"name": "Total", "type": "fn", "fn": "round(sum(Items.Net), 2)"},
        {"name": "Gross", "type": "fn", "fn": "gross(Total)"},
        {"name": "List price", "type": "fn", "fn": "sum(Items.(Quantity * Product.Price))"}]})
}

fn order_item() -> Value {
    const BOOK: &str = "let o := Order;\no.'Booked total' := o.Total";
    json!({"name": "Order item", "icon": "list", "afterCreate": BOOK, "afterUpdate": BOOK, "fields": [
        {"name": "Order", "type": "ref", "referenceToTable": "Order", "reverseName": "Items", "cascade": true},
        {"name": "Product", "type": "ref", "referenceToTable": "Product", "reverseName": "Sold"},
        {"name": "Quantity", "type": "number", "default": "1"},
        {"name": "Unit price", "type": "number", "default": "Product.Price"},
        {"name": "Discount", "type": "number"},
        {"name": "Net", "type": "fn", "fn": "round(Quantity * 'Unit price' * (100 - Discount) / 100, 2)"}]})
}

fn invoice() -> Value {
    const PAID: &str = "if not Paid then\n\t'Paid at' := null\nelse\n\tif 'Paid at' = null then\n\t\t'Paid at' := now()\n\tend\nend";
    json!({"name": "Invoice", "icon": "invoice", "fields": [
        {"name": "Number", "type": "string", "default": "\"R-\" + lpad(text(Nr), 5, \"0\")"},
        {"name": "Order", "type": "ref", "referenceToTable": "Order", "reverseName": "Invoices"},
        {"name": "Issued", "type": "date", "default": "today()"},
        {"name": "Due", "type": "date", "default": "Issued + 14"},
        {"name": "Amount", "type": "number", "default": "Order.Total"},
        {"name": "Paid", "type": "boolean", "default": "false", "afterUpdate": PAID},
        {"name": "Paid at", "type": "timestamp"},
        {"name": "Gross", "type": "fn", "fn": "gross(Amount)"},
        {"name": "Overdue", "type": "fn", "fn": "not Paid and Due < today()"}]})
}
