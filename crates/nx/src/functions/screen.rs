//! Functions that concern a screen or a device (nx-language.md §4.8): on a server their arguments are evaluated, a line
//! is logged, and they are empty.

use crate::{Context, Effect, FunctionDef, Overload, RunError, Value, convert::write_text};

macro_rules! screen {
    ($($name:literal: $doc:literal;)+) => {
        /// The group.
        pub const FUNCTIONS: &[FunctionDef] = &[$(
            FunctionDef::new(
                $name,
                &[
                    Overload::nullable("-> any", |cx, a| note(cx, $name, a)),
                    Overload::nullable("any... -> any", |cx, a| note(cx, $name, a)),
                ],
                $doc,
                &[(concat!($name, "()"), "null")],
            )
            .effect(Effect::Screen),
        )+];
    };
}

screen! {
    "alert": "Shows a message.";
    "barcodeScan": "Reads a bar code with the camera.";
    "closeAllRecords": "Closes all open forms.";
    "closeFullscreen": "Ends the full screen.";
    "closeRecord": "Closes the open form.";
    "debug": "Notes a value in the log.";
    "dialog": "Asks a question and answers what was chosen.";
    "iPad": "Whether the device is an iPad.";
    "openFullscreen": "Fills the screen.";
    "openPage": "Opens a page.";
    "openPrintLayout": "Opens a print layout.";
    "openRecord": "Opens a record's form.";
    "openTable": "Opens a table.";
    "openURL": "Opens a web address.";
    "popupRecord": "Opens a record's form in a window of its own.";
    "printAndSaveRecord": "Prints a record into a file.";
    "printRecord": "Prints a record.";
    "printTable": "Prints a table.";
    "sendCommand": "Talks to a device such as a receipt printer.";
    "sleep": "Waits; a script on a server does not.";
    "waitForSync": "Waits until a device has caught up.";
}

fn note(cx: &mut Context<'_>, name: &str, arguments: &[Value]) -> Result<Value, RunError> {
    const SHOWN_BYTES_MAX: usize = 1_000;
    let mut message = format!("{name}(");
    for (at, argument) in arguments.iter().enumerate() {
        if at > 0 {
            message.push_str(", ");
        }
        if message.len() < SHOWN_BYTES_MAX {
            write_text(argument, &cx.schema, &cx.locale, &mut message);
        }
    }
    message.push(')');
    cx.host.log(&message);
    Ok(Value::Null)
}
