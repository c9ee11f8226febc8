//! The prompt: lines with history and completion, each a script of its own.

use std::{borrow::Cow, fs, io::IsTerminal as _, io::stdout, path::PathBuf};

use boobook_nx_syntax::suggest;
use reedline::{
    ColumnarMenu, Completer, CompletionResult, DefaultHinter, Emacs, FileBackedHistory, KeyCode,
    KeyModifiers, MenuBuilder as _, Prompt, PromptEditMode, PromptHistorySearch, Reedline, ReedlineEvent,
    ReedlineMenu, Signal, Span, Suggestion, ValidationResult, Validator, default_emacs_keybindings,
};

use super::{
    Order,
    complete::{Command, Words, is_whole},
    evaluate, hint, said, show,
};
use crate::{
    client::{Client, Table},
    nx, out,
};

const HELP: &str = "\
A line is a script of NX; one that is not complete goes on in the next line.
Tab completes, Ctrl-R searches the history.
  .tables          the tables of the database
  .fields TABLE    the fields of a table
  .exec on | off   whether scripts may write; each is a transaction of its own
  .help FUNCTION   how a function is called
  .quit            ends (so does Ctrl-D)";

/// Scripts that the history keeps.
const HISTORY_MAX: usize = 10_000;

/// Reads scripts until there are no more.
pub(super) fn run(client: &Client, order: &Order<'_>) -> anyhow::Result<()> {
    let tables = client.tables_and_formulas()?;
    let mut may_write = order.may_write;
    let mut editor = editor(&tables);
    out::note(format!("{} of {} at {}. `.help` helps.", order.database, order.team, order.url));
    loop {
        match editor.read_line(&Line { may_write })? {
            Signal::Success(line) => match Command::of(&line) {
                Some(Command::Quit) => return Ok(()),
                Some(Command::Exec(on)) => may_write = on,
                Some(command) => out::line(answer(&command, &tables))?,
                None if line.trim().is_empty() => {}
                None => match evaluate(client, may_write, order.this, &line) {
                    Ok(Ok(value)) => out::line(show::value(&value, order.shown, stdout().is_terminal()))?,
                    Ok(Err(problem)) => {
                        out::note(format!(
                            "error: {}\n  help: {}",
                            said(&line, &problem),
                            hint(&problem, may_write)
                        ));
                    }
                    // The server may be back for the next line.
                    Err(error) => out::note(format!("error: {error:#}")),
                },
            },
            Signal::CtrlC => {}
            _ => return Ok(()),
        }
    }
}

fn answer(command: &Command<'_>, tables: &[Table]) -> String {
    match *command {
        Command::Tables => {
            let row =
                |table: &Table| vec![table.id.clone(), table.name.clone(), table.fields.len().to_string()];
            out::format_table(&["ID", "NAME", "FIELDS"], &tables.iter().map(row).collect::<Vec<_>>())
        }
        Command::Fields(name) => match tables.iter().find(|table| table.name == name || table.id == name) {
            Some(table) => {
                let row = |field: &crate::client::Field| vec![field.name.clone(), field.base.clone()];
                out::format_table(&["NAME", "TYPE"], &table.fields.iter().map(row).collect::<Vec<_>>())
            }
            None => match suggest(name, tables.iter().map(|table| &*table.name)) {
                Some(near) => format!("there is no table {name:?}; did you mean {near:?}?"),
                None => format!("there is no table {name:?}; `.tables` lists them"),
            },
        },
        Command::Help(Some(name)) => {
            let entries: Vec<nx::Entry> = nx::groups().into_iter().flat_map(|group| group.entries).collect();
            match entries.iter().find(|entry| entry.name == name || entry.aliases.contains(&name)) {
                Some(entry) => nx::entry(entry).trim_end().to_owned(),
                None => match suggest(name, entries.iter().map(|entry| entry.name)) {
                    Some(near) => format!("there is no function {name:?}; did you mean {near}?"),
                    None => format!("there is no function {name:?}; `boobook nx functions` lists them"),
                },
            }
        }
        Command::Unknown(line) => format!("{line:?} is no command\n{HELP}"),
        _ => HELP.to_owned(),
    }
}

fn editor(tables: &[Table]) -> Reedline {
    let mut keys = default_emacs_keybindings();
    let complete = vec![ReedlineEvent::Menu(MENU.into()), ReedlineEvent::MenuNext];
    keys.add_binding(KeyModifiers::NONE, KeyCode::Tab, ReedlineEvent::UntilFound(complete));
    let menu = ColumnarMenu::default().with_name(MENU);
    let mut editor = Reedline::create()
        .with_completer(Box::new(Complete(Words::new(tables))))
        // A script that is pasted is one, however many lines it has, and its tabs complete nothing. (The Windows console
        // does not tell what is pasted.)
        .use_bracketed_paste(cfg!(not(windows)))
        .with_quick_completions(true)
        .with_partial_completions(true)
        .with_menu(ReedlineMenu::EngineCompleter(Box::new(menu)))
        .with_validator(Box::new(Whole))
        .with_hinter(Box::new(DefaultHinter::default()))
        .with_edit_mode(Box::new(Emacs::new(keys)));
    // A prompt without a history is better than none.
    match history() {
        Ok(history) => editor = editor.with_history(Box::new(history)),
        Err(error) => out::note(format!("without a history: {error:#}")),
    }
    editor
}

const MENU: &str = "completion";

/// Scripts may hold what is not for others: the file is its owner's alone.
#[expect(clippy::disallowed_methods, reason = "where a person's own files lie is no setting of boobook")]
fn history() -> anyhow::Result<FileBackedHistory> {
    let base = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || Some(PathBuf::from(std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE"))?));
    let base = base.or_else(|| Some(home()?.join(".local/state")));
    let directory =
        base.ok_or_else(|| anyhow::anyhow!("neither XDG_STATE_HOME nor HOME is set"))?.join("boobook");
    fs::create_dir_all(&directory)?;
    let file = directory.join("history");
    let mut options = fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&file)?;
    Ok(FileBackedHistory::with_file(HISTORY_MAX, file)?)
}

struct Complete(Words);

impl Completer for Complete {
    fn complete(&mut self, line: &str, pos: usize) -> CompletionResult {
        let (from, candidates) = self.0.complete(line, pos);
        let suggestion = |candidate: super::complete::Candidate| Suggestion {
            append_whitespace: false,
            description: Some(candidate.about),
            value: candidate.text,
            span: Span::new(from, pos),
            ..Suggestion::default()
        };
        CompletionResult::fresh(candidates.into_iter().map(suggestion).collect::<Vec<_>>())
    }
}

struct Whole;

impl Validator for Whole {
    fn validate(&self, line: &str) -> ValidationResult {
        if Command::of(line).is_some() || is_whole(line) {
            ValidationResult::Complete
        } else {
            ValidationResult::Incomplete
        }
    }
}

struct Line {
    may_write: bool,
}

impl Prompt for Line {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        if self.may_write { "nx exec".into() } else { "nx".into() }
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        "".into()
    }

    fn render_prompt_indicator(&self, _mode: PromptEditMode) -> Cow<'_, str> {
        "> ".into()
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        "… ".into()
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        format!("search {:?}: ", search.term).into()
    }
}
