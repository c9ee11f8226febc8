//! Which records a request wants, and how they are to be written (rest-api.md §3): filters, order, paging, style.

use std::borrow::Cow;

use boobook_app::{NxValue, TableAccess};
use boobook_engine::{Condition, Order, Select, Test};
use boobook_model::{Json, TableSchema, Value};

use super::{names::unknown_field, record::RecordStyle};
use crate::{
    error::{ApiError, ApiResult, ErrorCode, from_json},
    query_string::QueryString,
};

/// Records a page where `perPage` does not say.
const PER_PAGE: usize = 100;

/// Filters of stored fields, and of formulas with what they may come to.
pub type Filters = (Vec<Condition>, Vec<(u16, Vec<NxValue>)>);

/// Filters of a request: `filters` of the query string or else of the body, which may be empty.
pub fn read_filters(query: &QueryString<'_>, body: &[u8], access: &TableAccess) -> ApiResult<Filters> {
    if let Some(text) = query.text("filters") {
        return filters_of_text(text, access);
    }
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Filters::default());
    }
    let json = Json::parse(body).map_err(|e| from_json(&e))?;
    match json.get("filters") {
        None | Some(Json::Null) => Ok(Filters::default()),
        Some(Json::String(text)) => filters_of_text(text, access),
        Some(filters) => filters_of_json(filters, access),
    }
}

/// What curl without `-g` makes of `filters={"L":"Jane"}` has lost its braces: they are put back.
fn filters_of_text(text: &str, access: &TableAccess) -> ApiResult<Filters> {
    let trimmed = text.trim();
    let text: Cow<'_, str> =
        if trimmed.starts_with('{') { trimmed.into() } else { format!("{{{trimmed}}}").into() };
    let json = Json::parse(text.as_bytes()).map_err(|e| {
        ApiError::parameter(
            "filters",
            format_args!("expected JSON such as {{\"Name\":\"Jane\"}}: {}", e.message),
        )
    })?;
    filters_of_json(&json, access)
}

fn filters_of_json(json: &Json<'_>, access: &TableAccess) -> ApiResult<Filters> {
    let Json::Object(members) = json else {
        let problem =
            format_args!("expected an object such as {{\"Name\":\"Jane\"}}, got {}", json.excerpt())
                .to_string();
        return Err(ApiError::parameter("filters", problem));
    };
    let mut filters = Filters::default();
    for (key, value) in members {
        match value {
            Json::Object(nested) if key == "fields" => {
                for (key, value) in nested {
                    filter(key, value, "filters.fields", access, &mut filters)?;
                }
            }
            _ => filter(key, value, "filters", access, &mut filters)?,
        }
    }
    Ok(filters)
}

fn filter(
    key: &str,
    json: &Json<'_>,
    place: &str,
    access: &TableAccess,
    filters: &mut Filters,
) -> ApiResult<()> {
    let at = |code, problem: &dyn std::fmt::Display| ApiError::at(code, &format!("{place}.{key}"), problem);
    let table = &access.schema;
    let slot = table.slot_by_key(key).filter(|&slot| access.may_read(slot));
    let slot = slot.ok_or_else(|| at(ErrorCode::UnknownField, &unknown_field(key, table)))?;
    let field = &table.fields[slot];
    if table.formulas().contains(&(slot as u16)) {
        let any_of = match json {
            Json::Array(items) => items.iter().map(|item| nx_value(item)).collect(),
            json => vec![nx_value(json)],
        };
        let any_of = any_of.into_iter().collect::<Option<Vec<_>>>();
        let expected = "expected a text, a number, true, false, null, or an array of them";
        filters.1.push((slot as u16, any_of.ok_or_else(|| at(ErrorCode::InvalidValue, &expected))?));
        return Ok(());
    }
    if !field.is_stored() {
        return Err(at(ErrorCode::InvalidValue, &"a field that is computed cannot be filtered by"));
    }
    let read = |json: &Json<'_>| -> ApiResult<Option<Value>> {
        match json {
            Json::Null => Ok(None),
            Json::String(text) if text.is_empty() && field.kind.empty_text_clears() => Ok(None),
            json => field.kind.read(json, field).map_err(|e| at(ErrorCode::InvalidValue, &e)),
        }
    };
    let any_of = match json {
        Json::Array(items) => items.iter().map(read).collect::<ApiResult<Vec<_>>>()?,
        json => vec![read(json)?],
    };
    filters.0.push(Condition { slot, test: Test::ContainsAll(any_of) });
    Ok(())
}

/// What a formula is compared with.
fn nx_value(json: &Json<'_>) -> Option<NxValue> {
    match json {
        Json::Null => Some(NxValue::Null),
        Json::Bool(b) => Some(NxValue::Bool(*b)),
        Json::Number(n) => Some(NxValue::number(*n)),
        Json::String(text) => Some(NxValue::text(&**text)),
        Json::Array(_) | Json::Object(_) => None,
    }
}

/// Order, bounds and page of a record list.
pub fn read_select(
    query: &QueryString<'_>,
    filters: Vec<Condition>,
    access: &TableAccess,
) -> ApiResult<Select> {
    let per_page = query.number("perPage")?.map_or(PER_PAGE, to_usize);
    let page = query.number("page")?.map_or(0, to_usize);
    Ok(Select {
        filters,
        within: None,
        after_id: query.number("sinceId")?,
        after_sq: query.number("sinceSq")?.map(boobook_model::Sq),
        order: read_order(query, access)?,
        skip: page.saturating_mul(per_page),
        take: per_page,
        count: query.flag("count")?,
    })
}

fn to_usize(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

fn read_order(query: &QueryString<'_>, access: &TableAccess) -> ApiResult<Order> {
    let desc = query.flag("desc")?;
    let (new, updated) = (query.flag("new")?, query.flag("updated")?);
    let order = query.text("order");
    let Some(key) = order else {
        return Ok(match (updated, new, desc) {
            (true, ..) => Order::SequenceDesc,
            (_, true, _) => Order::Newest,
            (_, _, true) => Order::IdDesc,
            _ => Order::IdAsc,
        });
    };
    if new || updated {
        let other = if new { "new" } else { "updated" };
        return Err(ApiError::parameter("order", format_args!("not together with {other}")));
    }
    // A field of that name wins over the attribute, as names win over ids elsewhere.
    if let Some(slot) = access.schema.slot_by_key(key).filter(|&slot| access.may_read(slot)) {
        return Ok(Order::Field { slot, desc });
    }
    Ok(match (key, desc) {
        ("id" | "_id", false) => Order::IdAsc,
        ("id" | "_id", true) => Order::IdDesc,
        ("sequence", false) => Order::SequenceAsc,
        ("sequence", true) => Order::SequenceDesc,
        ("createdAt", false) => Order::CreatedAsc,
        ("createdAt", true) => Order::CreatedDesc,
        ("modifiedAt", false) => Order::ModifiedAsc,
        ("modifiedAt", true) => Order::ModifiedDesc,
        _ => return Err(unknown_parameter_field("order", key, &access.schema)),
    })
}

fn unknown_parameter_field(parameter: &str, key: &str, table: &TableSchema) -> ApiError {
    let problem = format!("{parameter}: {key:?}: {}", unknown_field(key, table));
    ApiError::with_message(ErrorCode::UnknownField, problem).field(parameter)
}

/// How records are to be written, and which of their fields.
pub fn read_style(query: &QueryString<'_>, access: &TableAccess) -> ApiResult<RecordStyle> {
    let mut style = RecordStyle {
        choice_ids: matches!(query.get("choiceStyle"), Some("id" | "ids")),
        by_id: query.flag("ids")?,
        columns: None,
    };
    let table = &access.schema;
    let in_order = table.slots_in_order().iter().copied();
    if let Some(names) = query.text("fields") {
        let mut wanted = Vec::new();
        for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let slot = table.slot_by_key(name).filter(|&slot| access.may_read(slot));
            wanted.push(slot.ok_or_else(|| unknown_parameter_field("fields", name, table))?);
        }
        style.columns = Some(in_order.filter(|slot| wanted.contains(&(*slot as usize))).collect());
    } else if !access.reads_all() {
        style.columns = Some(in_order.filter(|slot| access.may_read(*slot as usize)).collect());
    }
    Ok(style)
}

/// The style of an answer to a write: every field the caller may read.
pub fn readable_style(access: &TableAccess, mut style: RecordStyle) -> RecordStyle {
    if !access.reads_all() {
        let in_order = access.schema.slots_in_order().iter().copied();
        style.columns = Some(in_order.filter(|slot| access.may_read(*slot as usize)).collect());
    }
    style
}
