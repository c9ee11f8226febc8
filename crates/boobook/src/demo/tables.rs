//! The demo's tables, in the shape `POST P/tables` takes.

use boobook_model::JsonMap;
use serde_json::{Value, json};

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
        {"name": "Notes", "type": "html"},
        {"name": "Color", "type": "color"},
        {"name": "Icon", "type": "icon"},
        {"name": "Account manager", "type": "user"},
        {"name": "Logo", "type": "image"}]})
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
        {"name": "Photo", "type": "file"}]})
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
        {"name": "Data sheet", "type": "file"}]})
}

fn order() -> Value {
    json!({"name": "Order", "icon": "cart", "fields": [
        {"name": "Number", "type": "string"},
        {"name": "Customer", "type": "ref", "referenceToTable": "Customer", "reverseName": "Orders"},
        {"name": "Contact", "type": "ref", "referenceToTable": "Contact", "reverseName": "Orders"},
        {"name": "Ordered at", "type": "timestamp"},
        {"name": "Status", "type": "choice", "choices": [
            {"caption": "offen", "color": "#e2b203"}, {"caption": "bestätigt", "color": "#4970ff"},
            {"caption": "geliefert", "color": "#22a06b"}, {"caption": "storniert", "color": "#c9372c"}]},
        {"name": "Delivery", "type": "appointment"},
        {"name": "Preferred product", "type": "dchoice"},
        {"name": "Gift options", "type": "dmulti"},
        {"name": "Signature", "type": "signature"},
        {"name": "Comment", "type": "string", "stringMultiline": true}]})
}

fn order_item() -> Value {
    json!({"name": "Order item", "icon": "list", "fields": [
        {"name": "Order", "type": "ref", "referenceToTable": "Order", "reverseName": "Items", "cascade": true},
        {"name": "Product", "type": "ref", "referenceToTable": "Product", "reverseName": "Sold"},
        {"name": "Quantity", "type": "number"},
        {"name": "Unit price", "type": "number"},
        {"name": "Discount", "type": "number"}]})
}

fn invoice() -> Value {
    json!({"name": "Invoice", "icon": "invoice", "fields": [
        {"name": "Number", "type": "string"},
        {"name": "Order", "type": "ref", "referenceToTable": "Order", "reverseName": "Invoices"},
        {"name": "Issued", "type": "date"},
        {"name": "Due", "type": "date"},
        {"name": "Amount", "type": "number"},
        {"name": "Paid", "type": "boolean"},
        {"name": "Paid at", "type": "timestamp"}]})
}
