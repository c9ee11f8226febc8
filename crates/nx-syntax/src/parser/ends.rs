//! Which `end` belongs to which `if`.
//!
//! An `if` may have its own `end`, share one with the `else if` chain it is part of, or have none, in which case each
//! of its branches is one statement. Which of these an `if` is shows only further on in the script, so it is decided
//! before parsing, on the tokens alone, in three passes, each linear:
//!
//! 1. *Events.* Collect the words and signs that matter: openers that always have an `end` (`for`, `while`, `switch`,
//!    `function`, and `do` where it is not theirs), `if`, `else`, `end`, `;`, `,`, `case`, `default`, brackets. A
//!    bracket is a world of its own: nothing is matched across it.
//! 2. *Demand*, from right to left. At each event, of the `end`s that follow in the same bracket: how many are left
//!    for what was opened before, if no later `if` takes one (`at_most`), if every later `if` takes one
//!    (`at_least`), and if every later chain takes one (`by_chain`).
//! 3. *Matching*, from left to right with a stack of what is open. An `end` belongs to the innermost `if`, except
//!    - to the innermost opener that must have one, if the `end`s that follow are otherwise too few for all of those;
//!    - to the `if` or opener whose line is indented as the `end`'s own line is, if that can be: indentation decides
//!      only what counting leaves open.
//!
//!    An `if` that continues a chain gives its `end` to the whole chain, unless the `end`s that follow are so many
//!    that the earlier parts must have their own. `,`, a closing bracket, `case`, `default` and the `do` of a loop
//!    end every `if` before them, and so does a second `else`. A `;` ends an `if` that is an operand
//!    (`let a := if b then c else d;`) unless it must have an `end`.
//!
//!    What still waits for its `then` or `do` can neither be ended nor be left by a `;`: of `if if a then b; c end then
//!    d`, the `end` is that of the condition.
//!
//! Scripts in one style, every `if` closed, every chain closed once, or no `if` closed, come out as written, whatever
//! their layout; so does what the printer writes.

use crate::token::{Token, TokenKind};

/// How an `if` ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IfEnd {
    /// It has an `end` of its own.
    Own,
    /// A later part of its chain has one.
    Chain,
    /// It has none.
    Short,
}

/// How each `if` of a script ends, in the order of their tokens.
pub(super) struct IfEnds(Vec<(u32, IfEnd)>);

impl IfEnds {
    /// How the `if` at this token ends.
    pub(super) fn of(&self, token: usize) -> IfEnd {
        let at = self.0.binary_search_by_key(&(token as u32), |(token, _)| *token);
        at.map_or(IfEnd::Short, |at| self.0[at].1)
    }
}

/// Decides for every `if` among the tokens.
pub(super) fn match_ifs(source: &str, tokens: &[Token]) -> IfEnds {
    if !tokens.iter().any(|t| t.kind == TokenKind::If) {
        return IfEnds(Vec::new());
    }
    let events = events(source, tokens);
    let demand = demand(&events);
    let mut matching = Matching { open: Vec::new(), groups: vec![Group::default()], ends: Vec::new() };
    for (at, event) in events.iter().enumerate() {
        matching.event(event, demand[at]);
    }
    let ends = matching.ends.into_iter().map(|(token, _, end)| (token, end)).collect();
    IfEnds(ends)
}

#[derive(Clone, Copy)]
struct Event {
    kind: EventKind,
    token: u32,
    /// Indentation of the line the token is on.
    indent: u32,
    first_on_line: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum EventKind {
    /// An opener that always has an `end`.
    Open {
        is_switch: bool,
        has_head: bool,
    },
    /// The `do` that belongs to a loop's or function's head.
    HeadDo,
    If {
        chained: bool,
        is_operand: bool,
    },
    Then,
    Else,
    End,
    Semicolon,
    Comma,
    /// `case` or `default` within a `switch`.
    Case,
    GroupStart,
    GroupEnd,
}

/// First pass. `heads` is a stack: openers that wait for their `do` (`Some`), and brackets (`None`).
fn events(source: &str, tokens: &[Token]) -> Vec<Event> {
    use TokenKind as T;
    let mut events = Vec::new();
    let mut heads: Vec<bool> = Vec::new();
    let (mut indent, mut passed) = (0, 0);
    let mut previous = T::Semicolon;
    let mut behind_operand = false;
    for (at, token) in tokens.iter().enumerate() {
        let gap = source.get(passed as usize..token.span.start as usize).unwrap_or_default();
        let line_break = gap.rfind('\n');
        if let Some(line_break) = line_break {
            indent = (gap.len() - line_break - 1) as u32;
        } else if at == 0 {
            indent = gap.len() as u32;
        }
        passed = token.span.end;
        let kind = match token.kind {
            T::For | T::While | T::Switch | T::Function => {
                heads.push(true);
                Some(EventKind::Open { is_switch: token.kind == T::Switch, has_head: true })
            }
            T::Do if heads.last() == Some(&true) && behind_operand => {
                heads.pop();
                Some(EventKind::HeadDo)
            }
            // A function without a type: `function f(x : number) do`.
            T::Do => Some(EventKind::Open { is_switch: false, has_head: false }),
            T::If => {
                let starts_statement = matches!(
                    previous,
                    T::Semicolon
                        | T::Then
                        | T::Else
                        | T::Do
                        | T::LeftParen
                        | T::HoleStart
                        | T::Colon
                        | T::End
                );
                Some(EventKind::If { chained: previous == T::Else, is_operand: !starts_statement })
            }
            T::Then => Some(EventKind::Then),
            T::Else => Some(EventKind::Else),
            T::End => Some(EventKind::End),
            T::Semicolon => Some(EventKind::Semicolon),
            T::Comma => Some(EventKind::Comma),
            T::Name if previous != T::Dot && is_case(source, tokens, at) => Some(EventKind::Case),
            T::LeftParen | T::LeftBracket | T::LeftBrace | T::HoleStart if token.partner != 0 => {
                heads.push(false);
                Some(EventKind::GroupStart)
            }
            T::RightParen | T::RightBracket | T::RightBrace | T::HoleEnd
                if tokens[token.partner as usize].partner as usize == at =>
            {
                while heads.pop() == Some(true) {}
                Some(EventKind::GroupEnd)
            }
            _ => None,
        };
        if let Some(kind) = kind {
            let first_on_line = line_break.is_some() || at == 0;
            events.push(Event { kind, token: at as u32, indent, first_on_line });
        }
        behind_operand = ends_operand(source, tokens, at, behind_operand);
        previous = token.kind;
    }
    events
}

/// Whether an operand may end with the token. A word behind an operand is an operator or keyword: `in`, `to`, `mod`.
fn ends_operand(source: &str, tokens: &[Token], at: usize, behind_operand: bool) -> bool {
    use TokenKind as T;
    let before = |count: usize| at.checked_sub(count).map(|at| tokens[at]);
    let word_before = |count: usize| before(count).map_or("", |t| t.span.text(source));
    let kind_before = before(1).map(|t| t.kind);
    if word_before(1) == "database" && word_before(2) == "as" && word_before(3) == "do" {
        return false;
    }
    match (tokens[at].kind, tokens[at].span.text(source)) {
        (T::Name, "desc") => true,
        (T::Name, "by") if kind_before == Some(T::Order) => false,
        (T::Name, "case") if matches!(kind_before, Some(T::Semicolon | T::Do | T::Colon)) => false,
        (T::Name, _) => !behind_operand,
        (kind, _) => kind.ends_operand(),
    }
}

fn is_case(source: &str, tokens: &[Token], at: usize) -> bool {
    match tokens[at].span.text(source) {
        "case" => true,
        "default" => tokens.get(at + 1).is_some_and(|t| t.kind == TokenKind::Colon),
        _ => false,
    }
}

/// How many of the `end`s behind an event are left for what was opened before it.
#[derive(Clone, Copy, Default)]
struct Demand {
    at_least: u32,
    at_most: u32,
    /// If every later chain takes one.
    by_chain: u32,
}

/// Second pass.
fn demand(events: &[Event]) -> Vec<Demand> {
    let mut behind = vec![Demand::default(); events.len()];
    let mut groups = Vec::new();
    let mut now = Demand::default();
    for (at, event) in events.iter().enumerate().rev() {
        behind[at] = now;
        match event.kind {
            EventKind::End => {
                now.at_least += 1;
                now.at_most += 1;
                now.by_chain += 1;
            }
            EventKind::Open { .. } => {
                now.at_least = now.at_least.saturating_sub(1);
                now.at_most = now.at_most.saturating_sub(1);
                now.by_chain = now.by_chain.saturating_sub(1);
            }
            EventKind::If { chained, .. } => {
                now.at_least = now.at_least.saturating_sub(1);
                now.by_chain = now.by_chain.saturating_sub(u32::from(!chained));
            }
            EventKind::GroupEnd => groups.push(std::mem::take(&mut now)),
            EventKind::GroupStart => now = groups.pop().unwrap_or_default(),
            _ => {}
        }
    }
    behind
}

/// Third pass.
struct Matching {
    open: Vec<Entry>,
    /// Brackets around the current place; the first is the script.
    groups: Vec<Group>,
    ends: Vec<(u32, u32, IfEnd)>,
}

#[derive(Default)]
struct Group {
    /// Entries outside this bracket.
    outside: usize,
    /// Places in the stack of the openers of this bracket that must have an `end`.
    openers: Vec<usize>,
    /// Places of entries that waited for their `then` or `do` when they were put there.
    heads: Vec<usize>,
}

struct Entry {
    indent: u32,
    /// Openers and chains from the beginning of the bracket up to this entry.
    chains: u32,
    /// Whether its `then` or `do` is still to come.
    in_head: bool,
    kind: EntryKind,
}

enum EntryKind {
    Opener { is_switch: bool },
    If { place: usize, chained: bool, is_operand: bool, has_else: bool, chain_closed: bool },
}

impl Matching {
    fn event(&mut self, event: &Event, behind: Demand) {
        match event.kind {
            EventKind::Open { is_switch, has_head } => {
                let place = self.open.len();
                self.group().openers.push(place);
                let chains = self.chains() + 1;
                if has_head {
                    self.group().heads.push(place);
                }
                let kind = EntryKind::Opener { is_switch };
                self.open.push(Entry { indent: event.indent, chains, in_head: has_head, kind });
            }
            EventKind::If { chained, is_operand } => self.open_if(event, chained, is_operand),
            EventKind::Then => self.then(),
            EventKind::Else => self.else_(),
            EventKind::End => self.end(event, behind),
            EventKind::Semicolon => self.semicolon(behind),
            EventKind::Comma => self.drop_ifs(),
            EventKind::HeadDo => {
                self.drop_ifs();
                if let Some(opener) = self.group().openers.last().copied() {
                    self.open[opener].in_head = false;
                }
            }
            EventKind::Case => {
                let opener = self.group().openers.last().copied();
                let kind = opener.map(|at| &self.open[at].kind);
                if matches!(kind, Some(EntryKind::Opener { is_switch: true })) {
                    self.drop_ifs();
                }
            }
            EventKind::GroupStart => {
                let outside = self.open.len();
                self.groups.push(Group { outside, ..Group::default() });
            }
            EventKind::GroupEnd => {
                let outside = self.group().outside;
                self.open.truncate(outside);
                if self.groups.len() > 1 {
                    self.groups.pop();
                }
            }
        }
    }

    fn group(&mut self) -> &mut Group {
        let last = self.groups.len() - 1;
        &mut self.groups[last]
    }

    /// Openers and chains that are open in the current bracket.
    fn chains(&mut self) -> u32 {
        let outside = self.group().outside;
        self.open.get(outside..).and_then(<[_]>::last).map_or(0, |e| e.chains)
    }

    /// Entries of the current bracket.
    fn size(&mut self) -> usize {
        self.open.len() - self.group().outside
    }

    /// Where the entries above the innermost opener of this bracket begin.
    fn ifs_start(&mut self) -> usize {
        let group = self.group();
        group.openers.last().map_or(group.outside, |at| at + 1)
    }

    /// Ends every `if` above the innermost opener; each stays what it was found to be so far.
    fn drop_ifs(&mut self) {
        let start = self.ifs_start();
        self.open.truncate(start);
    }

    fn open_if(&mut self, event: &Event, chained: bool, is_operand: bool) {
        let parent_is_operand = match self.open.last() {
            Some(Entry { kind: EntryKind::If { is_operand, .. }, .. }) => *is_operand,
            _ => false,
        };
        let is_operand = if chained { parent_is_operand } else { is_operand };
        let place = self.ends.len();
        self.ends.push((event.token, event.indent, IfEnd::Short));
        let kind = EntryKind::If { place, chained, is_operand, has_else: false, chain_closed: false };
        let chains = self.chains() + u32::from(!chained);
        let head = self.open.len();
        self.group().heads.push(head);
        self.open.push(Entry { indent: event.indent, chains, in_head: true, kind });
    }

    /// The innermost `if` that has none yet gets its `then`; what is open in its condition is over.
    fn then(&mut self) {
        let start = self.ifs_start();
        if let Some(place) = self.innermost_head().filter(|place| *place >= start) {
            self.open.truncate(place + 1);
            self.open[place].in_head = false;
        }
    }

    /// The innermost entry of this bracket that waits for its `then` or `do`.
    fn innermost_head(&mut self) -> Option<usize> {
        while let Some(place) = self.group().heads.last().copied() {
            if self.open.get(place).is_some_and(|e| e.in_head) {
                return Some(place);
            }
            self.group().heads.pop();
        }
        None
    }

    fn else_(&mut self) {
        let start = self.ifs_start();
        while self.open.len() > start {
            match self.open.last_mut().map(|e| &mut e.kind) {
                Some(EntryKind::If { has_else, .. }) if !*has_else => return *has_else = true,
                _ => self.open.pop(),
            };
        }
    }

    fn semicolon(&mut self, behind: Demand) {
        while let Some(Entry { kind: EntryKind::If { is_operand: true, .. }, .. }) = self.open.last() {
            let start = self.ifs_start();
            let in_condition =
                self.open.len() > self.group().outside + 1 && self.open[self.open.len() - 2].in_head;
            if self.open.len() <= start || in_condition || behind.by_chain >= self.chains() {
                return;
            }
            self.open.pop();
        }
    }

    fn end(&mut self, event: &Event, behind: Demand) {
        let start = self.ifs_start();
        let outside = self.group().outside;
        if self.open.len() <= outside {
            return;
        }
        if self.open.len() == start {
            self.close_opener();
            return;
        }
        let openers = self.group().openers.len();
        // Where the entries begin that can be ended, unless the script is broken.
        let innermost_head = self.innermost_head();
        let endable = innermost_head.map(|at| at + 1).filter(|at| *at < self.open.len()).unwrap_or(outside);
        if (behind.at_most as usize) < openers && endable < start {
            self.close_opener();
            return;
        }
        if let Some(place) = self.by_layout(event, behind, endable.max(start.saturating_sub(1))) {
            if place < start {
                self.close_opener();
            } else {
                self.open.truncate(place + 1);
                self.close_if(behind);
            }
            return;
        }
        self.close_if(behind);
    }

    /// The entry that an `end` on a line of its own closes by its indentation, where the innermost is another one.
    fn by_layout(&mut self, event: &Event, behind: Demand, least: usize) -> Option<usize> {
        let outside = self.group().outside;
        let innermost = self.open.last()?;
        if !event.first_on_line || innermost.indent == event.indent {
            return None;
        }
        let places = (least..self.open.len()).rev().take(LAYOUT_LOOK_MAX);
        let place = places.into_iter().find(|at| self.open[*at].indent == event.indent)?;
        (behind.at_least as usize <= place - outside).then_some(place)
    }

    fn close_opener(&mut self) {
        if let Some(at) = self.group().openers.pop() {
            self.open.truncate(at);
        }
    }

    /// Gives an `end` to the `if` on top, and to its chain.
    fn close_if(&mut self, behind: Demand) {
        let Some(Entry { kind: EntryKind::If { place, chained, .. }, .. }) = self.open.pop() else { return };
        self.ends[place].2 = IfEnd::Own;
        let mut chained = chained;
        while chained {
            let size = self.size();
            let Some(Entry { kind: EntryKind::If { place, chained: more, chain_closed, .. }, .. }) =
                self.open.last_mut()
            else {
                return;
            };
            self.ends[*place].2 = IfEnd::Chain;
            *chain_closed = true;
            if behind.at_least as usize >= size {
                return;
            }
            chained = *more;
            self.open.pop();
        }
    }
}

/// How many open entries are looked at for one of the right indentation.
const LAYOUT_LOOK_MAX: usize = 32;
