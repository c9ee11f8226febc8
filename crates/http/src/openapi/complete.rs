//! What holds for every operation, said once for all of them: how errors look, and that absent is not `null`.

use utoipa::openapi::{
    Content, ContentBuilder, OpenApi, PathItem, Ref, RefOr, Response, ResponseBuilder, Schema,
    path::{Operation, Parameter, ParameterIn},
    schema::{SchemaType, Type},
};

use super::Error;

/// Adds to each operation the errors that it may answer, and drops `null` from types of members that are left out
/// where there is nothing to say. Bodies that change something keep it: there `null` clears.
pub(crate) fn complete(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            add_errors(operation);
        }
    }
    let components = document.components.get_or_insert_default();
    for (name, schema) in &mut components.schemas {
        if let RefOr::T(Schema::Object(object)) = schema
            && !name.starts_with("Changed")
        {
            object.properties.values_mut().for_each(drop_null);
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let all = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
    all.into_iter().flatten()
}

fn add_errors(operation: &mut Operation) {
    let parameters = operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
        RefOr::T(parameter) => Some(parameter),
        RefOr::Ref(_) => None,
    });
    let parameters: Vec<&Parameter> = parameters.collect();
    let is_in = |place: ParameterIn| parameters.iter().any(|parameter| parameter.parameter_in == place);
    let has_tag = parameters.iter().any(|parameter| parameter.name == "If-None-Match");
    let has_body = operation.request_body.is_some();
    // `security(())` is how an operation says that it needs no key.
    let is_open = operation.security.is_some();
    let known = [
        ("400", !is_open, "Something in the request is wrong; the message names the place"),
        ("401", !is_open, "The key is missing or not valid"),
        ("403", !is_open, "The key is valid, but may not do this"),
        ("404", is_in(ParameterIn::Path), "Something that the path names is not there"),
        ("413", has_body, "The body is larger than a limit allows"),
    ];
    let answers = &mut operation.responses.responses;
    if has_tag {
        let known = || ResponseBuilder::new().description("The client has this version already").build();
        answers.entry("304".into()).or_insert_with(|| known().into());
    }
    for (status, may_be, description) in known {
        if may_be {
            answers.entry(status.into()).or_insert_with(|| described(description));
        }
    }
    answers.entry("default".into()).or_insert_with(|| described("Any other error"));
    for (status, answer) in answers {
        if let RefOr::T(answer) = answer
            && answer.content.is_empty()
            && (status.starts_with(['4', '5']) || status == "default")
        {
            answer.content.insert("application/json".into(), RefOr::T(error()));
        }
    }
}

fn described(text: &str) -> RefOr<Response> {
    RefOr::T(ResponseBuilder::new().description(text).build())
}

fn error() -> Content {
    let name = <Error as utoipa::ToSchema>::name();
    ContentBuilder::new().schema(Some(Ref::from_schema_name(name))).build()
}

/// `["string", "null"]` becomes `"string"`.
fn drop_null(schema: &mut RefOr<Schema>) {
    let kind = match schema {
        RefOr::T(Schema::Object(object)) => &mut object.schema_type,
        RefOr::T(Schema::Array(array)) => &mut array.schema_type,
        RefOr::T(_) | RefOr::Ref(_) => return,
    };
    if let SchemaType::Array(types) = kind {
        types.retain(|one| *one != Type::Null);
        if let [only] = &types[..] {
            *kind = SchemaType::Type(only.clone());
        }
    }
}
