//! Users, roles and the environment (nx-language.md §4.5).

use std::sync::Arc;

use crate::{Context, Effect, FunctionDef, Overload, RunError, User, Value};

type Outcome = Result<Value, RunError>;

/// The group.
pub const FUNCTIONS: &[FunctionDef] = &[
    FunctionDef::new(
        "clientLang",
        &[Overload::nullable("-> text", |cx, _| Ok(cx.locale.language.code().into()))],
        "The language of whoever looks; on a server that of the database.",
        &[],
    )
    .alias(&["userLang"])
    .effect(Effect::Volatile),
    FunctionDef::new(
        "databaseId",
        &[Overload::nullable("-> text", |cx, _| Ok(cx.host.place().1.into()))],
        "The id of this database.",
        &[],
    )
    .effect(Effect::Volatile),
    FunctionDef::new(
        "isAdminMode",
        &[Overload::nullable("-> boolean", |_, _| Ok(false.into()))],
        "Whether somebody is editing the database; on a server nobody is.",
        &[("isAdminMode()", "false")],
    ),
    FunctionDef::new(
        "isDatabaseLocked",
        &[Overload::nullable("-> boolean", |_, _| Ok(false.into()))],
        "Whether the database is locked; on this server none is.",
        &[("isDatabaseLocked()", "false")],
    ),
    FunctionDef::new(
        "isDatabaseProtected",
        &[Overload::nullable("-> boolean", |_, _| Ok(false.into()))],
        "Whether the database is protected; on this server none is.",
        &[("isDatabaseProtected()", "false")],
    ),
    FunctionDef::new(
        "ninoxApp",
        &[Overload::nullable("-> text", |_, _| Ok("server".into()))],
        "Which application runs the script: here `server`.",
        &[("ninoxApp()", "\"server\"")],
    ),
    FunctionDef::new(
        "teamId",
        &[Overload::nullable("-> text", |cx, _| Ok(cx.host.place().0.into()))],
        "The id of this workspace.",
        &[],
    )
    .effect(Effect::Volatile),
    FunctionDef::new(
        "user",
        &[
            Overload::nullable("-> user", |cx, _| Ok(as_value(cx.host.user()))),
            Overload::strict("text -> user", |cx, a| {
                let Value::Text(wanted) = &a[0] else { return Ok(Value::Null) };
                let found = cx.host.users().iter().find(|user| is_called(user, wanted));
                Ok(found.map(as_value).unwrap_or_default())
            }),
        ],
        "Who runs the script, or the user of a name or e-mail address.",
        &[],
    )
    .effect(Effect::Volatile),
    of_user("userEmail", "The e-mail address of a user, by default of who runs the script.", &EMAIL),
    of_user("userFirstName", "The first name of a user, by default of who runs the script.", &FIRST_NAME),
    of_user("userFullName", "The name of a user, by default of who runs the script.", &NAME),
    FunctionDef::new(
        "userHasRole",
        &[
            Overload::nullable("text -> boolean", |cx, a| Ok(has_role(cx.host.user(), &a[0]).into())),
            Overload::nullable("user, text -> boolean", |cx, a| {
                Ok(found(cx, &a[0]).is_some_and(|user| has_role(&user, &a[1])).into())
            }),
        ],
        "Whether a user, by default who runs the script, has a role.",
        &[],
    )
    .effect(Effect::Volatile),
    of_user("userId", "The internal id of a user, by default of who runs the script.", &ID),
    FunctionDef::new(
        "userIsAdmin",
        &[Overload::nullable("-> boolean", |cx, _| Ok(has_role(cx.host.user(), &"admin".into()).into()))],
        "Whether who runs the script is an administrator.",
        &[],
    )
    .effect(Effect::Volatile),
    of_user("userLastName", "The last name of a user, by default of who runs the script.", &LAST_NAME),
    of_user("userName", "The name of a user, by default of who runs the script.", &NAME),
    of_user("userRole", "The first role of a user, by default of who runs the script.", &ROLE),
    FunctionDef::new(
        "userRoles",
        &[Overload::nullable("user? -> [text]", |cx, a| {
            let user = whose(cx, a);
            let roles = user.map(|user| user.roles).unwrap_or_default();
            Ok(Value::array(roles.into_iter().map(Value::Text).collect::<Vec<_>>()))
        })],
        "The roles of a user, by default of who runs the script.",
        &[],
    )
    .effect(Effect::Volatile),
    FunctionDef::new(
        "users",
        &[Overload::nullable("-> [user]", |cx, _| {
            Ok(Value::array(cx.host.users().iter().map(as_value).collect::<Vec<_>>()))
        })],
        "All users of the workspace.",
        &[],
    )
    .effect(Effect::Volatile),
];

const EMAIL: [Overload; 1] =
    [Overload::nullable("user? -> text", |cx, a| part(cx, a, |user| user.email.clone()))];
const FIRST_NAME: [Overload; 1] = [Overload::nullable("user? -> text", |cx, a| {
    part(cx, a, |user| user.name.split_once(' ').map_or(&*user.name, |(first, _)| first).into())
})];
const LAST_NAME: [Overload; 1] = [Overload::nullable("user? -> text", |cx, a| {
    part(cx, a, |user| user.name.split_once(' ').map_or("", |(_, last)| last).into())
})];
const NAME: [Overload; 1] =
    [Overload::nullable("user? -> text", |cx, a| part(cx, a, |user| user.name.clone()))];
const ID: [Overload; 1] =
    [Overload::nullable("user? -> text", |cx, a| part(cx, a, |user| user.id.as_str().into()))];
const ROLE: [Overload; 1] = [Overload::nullable("user? -> text", |cx, a| {
    part(cx, a, |user| user.roles.first().cloned().unwrap_or_default())
})];

const fn of_user(name: &'static str, doc: &'static str, overloads: &'static [Overload; 1]) -> FunctionDef {
    FunctionDef::new(name, overloads, doc, &[]).effect(Effect::Volatile)
}

fn as_value(user: &User) -> Value {
    Value::User(user.id.as_str().into())
}

fn is_called(user: &User, wanted: &str) -> bool {
    user.id.as_str() == wanted || &*user.name == wanted || &*user.email == wanted
}

fn has_role(user: &User, role: &Value) -> bool {
    matches!(role, Value::Text(role) if user.roles.contains(role))
}

/// The user a value names, by id, name or address.
fn found(cx: &Context<'_>, value: &Value) -> Option<User> {
    match value {
        Value::User(wanted) | Value::Text(wanted) => {
            let known = std::iter::once(cx.host.user()).chain(cx.host.users());
            known.into_iter().find(|user| is_called(user, wanted)).cloned()
        }
        _ => None,
    }
}

/// Who runs the script, or whom the argument names.
fn whose(cx: &Context<'_>, arguments: &[Value]) -> Option<User> {
    match arguments.first() {
        None => Some(cx.host.user().clone()),
        Some(value) => found(cx, value),
    }
}

fn part(cx: &mut Context<'_>, arguments: &[Value], of: impl Fn(&User) -> Arc<str>) -> Outcome {
    let part = whose(cx, arguments).map(|user| of(&user));
    Ok(part.filter(|part| !part.is_empty()).map_or(Value::Null, Value::Text))
}
