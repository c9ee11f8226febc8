//! From Markdown to sections and steps.

use std::collections::BTreeMap;

/// The steps under one heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The heading.
    pub name: String,
    /// In the order of the file.
    pub steps: Vec<Step>,
}

/// One thing done and what must come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A request and its answer, once or for each row of a table.
    Exchange(Exchange),
    /// Commands (```` ```sh ````).
    Cli(CliStep),
}

/// A request block and the block that follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// What is sent.
    pub request: Request,
    /// What must come.
    pub expected: Expected,
    /// For `http each`: the rows of the table below, `$column` → cell. Else one row without columns.
    pub rows: Vec<Row>,
}

/// A row of a table under an `http each` exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// The line of the row in the file, 0 where there is no table.
    pub line: usize,
    /// By column heading.
    pub cells: BTreeMap<String, String>,
}

/// A request as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Line of its block in the file.
    pub line: usize,
    /// `http raw`: the target goes out as it stands, not percent-encoded.
    pub raw: bool,
    /// `http events`: the answer is a stream of events, read as far as the expected block goes.
    pub events: bool,
    /// The block's text.
    pub text: String,
}

/// What must come, as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Line of its block in the file.
    pub line: usize,
    /// Status line, headers and body; a `json` block is a 200 with that body.
    pub text: String,
}

/// Commands of the binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CliStep {
    /// Line of its block in the file.
    pub line: usize,
    /// One command a line: `boobook …` or `name=$(boobook …)`.
    pub text: String,
    /// What the last command must print, from a `json` block right below.
    pub expected: Option<Expected>,
}

/// A fenced block or a table.
struct Block<'a> {
    line: usize,
    info: &'a str,
    text: String,
}

/// Parses a file. An error says the line.
pub fn parse(markdown: &str) -> Result<Vec<Section>, String> {
    let mut sections = Vec::new();
    let mut name = String::new();
    let mut blocks = Vec::new();
    let mut lines = markdown.lines().enumerate().map(|(at, line)| (at + 1, line)).peekable();
    while let Some((at, line)) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            let mut text = String::new();
            loop {
                match lines.next() {
                    Some((_, "```")) => break,
                    Some((_, line)) => text = text + line + "\n",
                    None => return Err(format!("line {at}: the block is not closed")),
                }
            }
            blocks.push(Block { line: at, info: info.trim(), text });
        } else if line.starts_with('|') {
            let mut text = format!("{line}\n");
            while let Some((_, line)) = lines.next_if(|(_, line)| line.starts_with('|')) {
                text = text + line + "\n";
            }
            blocks.push(Block { line: at, info: "table", text });
        } else if line.starts_with('#') {
            finish(&mut sections, &name, &mut blocks)?;
            line.trim_start_matches('#').trim().clone_into(&mut name);
        }
    }
    finish(&mut sections, &name, &mut blocks)?;
    Ok(sections)
}

/// Turns the blocks under a heading into steps.
fn finish(sections: &mut Vec<Section>, name: &str, blocks: &mut Vec<Block<'_>>) -> Result<(), String> {
    let mut steps = Vec::new();
    let mut blocks = std::mem::take(blocks).into_iter().peekable();
    while let Some(block) = blocks.next() {
        let mut words = block.info.split_whitespace();
        match words.next() {
            Some("http") => {
                let options: Vec<&str> = words.collect();
                if let Some(odd) = options.iter().find(|o| !["each", "raw", "events"].contains(*o)) {
                    return Err(format!("line {}: there is no option {odd:?} of a request", block.line));
                }
                let request = Request {
                    line: block.line,
                    raw: options.contains(&"raw"),
                    events: options.contains(&"events"),
                    text: block.text,
                };
                let expected =
                    blocks
                        .next_if(|b| ["http", "json", "text"].contains(&b.info))
                        .map(expected)
                        .ok_or_else(|| format!("line {}: no answer follows the request", block.line))?;
                let rows = if options.contains(&"each") {
                    let table = blocks
                        .next_if(|b| b.info == "table")
                        .ok_or_else(|| format!("line {}: `each` needs a table below", block.line))?;
                    rows(&table)?
                } else {
                    vec![Row::default()]
                };
                steps.push(Step::Exchange(Exchange { request, expected, rows }));
            }
            Some("sh") => {
                let expected = blocks.next_if(|b| b.info == "json").map(expected);
                steps.push(Step::Cli(CliStep { line: block.line, text: block.text, expected }));
            }
            // A table without `each` above it is prose.
            Some("table") => {}
            other => {
                let other = other.unwrap_or_default();
                return Err(format!(
                    "line {}: a block of {other:?} is neither request nor answer",
                    block.line
                ));
            }
        }
    }
    if !steps.is_empty() {
        sections.push(Section { name: name.to_owned(), steps });
    }
    Ok(())
}

fn expected(block: Block<'_>) -> Expected {
    let text = if block.info == "http" { block.text } else { format!("200\n\n{}", block.text) };
    Expected { line: block.line, text }
}

fn rows(table: &Block<'_>) -> Result<Vec<Row>, String> {
    let mut lines = table.text.lines().enumerate();
    let columns: Vec<String> = lines.next().map(|(_, line)| cells(line)).unwrap_or_default();
    let mut rows = Vec::new();
    for (at, line) in lines {
        let line_number = table.line + at;
        let values = cells(line);
        if values.iter().all(|v| !v.is_empty() && v.chars().all(|c| c == '-' || c == ':')) {
            continue;
        }
        if values.len() != columns.len() {
            return Err(format!("line {line_number}: {} cells, but {} columns", values.len(), columns.len()));
        }
        rows.push(Row { line: line_number, cells: columns.iter().cloned().zip(values).collect() });
    }
    if rows.is_empty() {
        return Err(format!("line {}: the table has no rows", table.line));
    }
    Ok(rows)
}

/// The cells of a row, without the back quotes around them; `\|` is a bar.
fn cells(line: &str) -> Vec<String> {
    let inner = line.trim().trim_start_matches('|').replace("\\|", "\u{0}");
    let inner = inner.strip_suffix('|').unwrap_or(&inner);
    inner
        .split('|')
        .map(|cell| {
            let cell = cell.trim();
            let cell = cell.strip_prefix('`').and_then(|c| c.strip_suffix('`')).unwrap_or(cell);
            cell.replace('\u{0}', "|")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_steps_and_tables() {
        let text = "# T\nwords\n## One\n```http\nGET /a\n```\n```json\n[]\n```\n\n## Two\n\
                    ```sh\nk=$(boobook key create)\n```\n```http each\nGET /$x\n```\n```http\n404\n```\n\
                    | x | y |\n|---|---|\n| `a\\|b` | 2 |\n";
        let sections = parse(text).unwrap();
        assert_eq!(sections.len(), 2);
        assert_eq!(sections[0].name, "One");
        let Step::Exchange(exchange) = &sections[0].steps[0] else { panic!("an exchange") };
        assert_eq!(exchange.expected.text, "200\n\n[]\n");
        let Step::Exchange(exchange) = &sections[1].steps[1] else { panic!("an exchange") };
        assert_eq!(exchange.rows[0].cells["x"], "a|b");
        assert_eq!(exchange.rows[0].line, 23);
    }

    #[test]
    fn mistakes_name_their_line() {
        assert_eq!(parse("## A\n```http\nGET /").unwrap_err(), "line 2: the block is not closed");
        assert_eq!(parse("```http\nGET /\n```\n").unwrap_err(), "line 1: no answer follows the request");
        assert_eq!(
            parse("```jsn\n```\n").unwrap_err(),
            "line 1: a block of \"jsn\" is neither request nor answer"
        );
    }
}
