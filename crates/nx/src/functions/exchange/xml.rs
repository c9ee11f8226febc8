//! XML as objects and back.
//!
//! `{name: {'@attribute': …, '#text': …, child: …}}`; an element with neither attributes nor children is its text. Where
//! text stands between children, that is not told apart. Names keep their prefixes. A document type is passed over:
//! nothing is expanded but the five entities of XML itself and characters by number, so that no text can grow.

use std::{fmt::Write, sync::Arc};

use indexmap::IndexMap;
use quick_xml::{
    Reader, XmlVersion,
    escape::resolve_xml_entity,
    events::{BytesStart, Event},
};
use rustc_hash::FxBuildHasher;

use crate::{Context, Object, RunError, Value, json};

/// Elements may be nested so deep, for what is nested is walked by recursion elsewhere.
const DEPTH_MAX: usize = 128;

const TEXT: &str = "#text";

/// An element whose end has not come yet; the outermost stands for the document.
#[derive(Default)]
struct Open {
    name: Arc<str>,
    attributes: Vec<(Arc<str>, Value)>,
    children: IndexMap<Arc<str>, Vec<Value>, FxBuildHasher>,
    text: String,
}

impl Open {
    fn add(&mut self, name: Arc<str>, value: Value) {
        self.children.entry(name).or_default().push(value);
    }

    /// Its value; `all_arrays` where even a single child is an array.
    fn close(self, all_arrays: bool) -> Value {
        let text = if self.children.is_empty() { &*self.text } else { self.text.trim() };
        if self.attributes.is_empty() && self.children.is_empty() {
            return text.into();
        }
        let mut object: Object = self.attributes.into_iter().collect();
        if !text.is_empty() {
            object.insert(TEXT.into(), text.into());
        }
        for (name, mut values) in self.children {
            let one = if values.len() == 1 && !all_arrays { values.pop() } else { None };
            object.insert(name, one.unwrap_or_else(|| Value::array(values)));
        }
        Value::Object(object.into())
    }
}

/// What ends reading: it is no XML, or the run's limits are met.
enum Stop {
    NoXml,
    Run(RunError),
}

impl<E: std::error::Error> From<E> for Stop {
    fn from(_: E) -> Self {
        Self::NoXml
    }
}

/// `parseXML(text, allArrays)`
pub(super) fn parse(cx: &mut Context<'_>, arguments: &[Value]) -> Result<Value, RunError> {
    let Some(Value::Text(text)) = arguments.first() else { return Ok(Value::Null) };
    let all_arrays = arguments.get(1).is_some_and(Value::is_true);
    match document(cx, text, all_arrays) {
        Ok(value) => Ok(value),
        Err(Stop::NoXml) => Ok(Value::Null),
        Err(Stop::Run(error)) => Err(error),
    }
}

fn document(cx: &mut Context<'_>, text: &str, all_arrays: bool) -> Result<Value, Stop> {
    let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut outer: Vec<Open> = Vec::new();
    let mut inner = Open::default();
    loop {
        let event = reader.read_event()?;
        cx.step(1).map_err(Stop::Run)?;
        match event {
            Event::Start(start) => {
                if outer.len() >= DEPTH_MAX {
                    let message = format!("the XML is nested more than {DEPTH_MAX} deep");
                    return Err(Stop::Run(RunError::other(message)));
                }
                let element = opened(cx, &start)?;
                outer.push(std::mem::replace(&mut inner, element));
            }
            Event::Empty(start) => {
                let element = opened(cx, &start)?;
                inner.add(Arc::clone(&element.name), element.close(all_arrays));
            }
            Event::End(_) => {
                let around = outer.pop().ok_or(Stop::NoXml)?;
                let element = std::mem::replace(&mut inner, around);
                inner.add(Arc::clone(&element.name), element.close(all_arrays));
            }
            Event::Text(text) => push(cx, &mut inner, &text.xml10_content())?,
            Event::CData(text) => push(cx, &mut inner, &text.xml10_content())?,
            Event::GeneralRef(name) => match name.resolve_char_ref()? {
                Some(c) => push(cx, &mut inner, c.encode_utf8(&mut [0; 4]))?,
                None => push(cx, &mut inner, resolve_xml_entity(&name).ok_or(Stop::NoXml)?)?,
            },
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            Event::Eof => break,
        }
    }
    // One element and nothing beside it.
    let is_document = outer.is_empty() && inner.text.trim().is_empty();
    match inner.children.pop() {
        Some((name, mut roots)) if is_document && inner.children.is_empty() && roots.len() == 1 => {
            let root = roots.pop().unwrap_or_default();
            Ok(Value::Object(Arc::new(std::iter::once((name, root)).collect())))
        }
        _ => Err(Stop::NoXml),
    }
}

fn opened(cx: &mut Context<'_>, start: &BytesStart<'_>) -> Result<Open, Stop> {
    let name = start.name().0;
    if !is_name(name) {
        return Err(Stop::NoXml);
    }
    cx.charge(3 * size_of::<Value>() + name.len()).map_err(Stop::Run)?;
    let mut element = Open { name: name.into(), ..Open::default() };
    // An attribute that is there twice is an error of the iterator's.
    for attribute in start.attributes() {
        let attribute = attribute?;
        let (key, value) = (attribute.key.0, attribute.normalized_value(XmlVersion::Implicit1_0)?);
        if !is_name(key) {
            return Err(Stop::NoXml);
        }
        cx.charge(3 * size_of::<Value>() + key.len() + value.len()).map_err(Stop::Run)?;
        element.attributes.push((format!("@{key}").into(), (*value).into()));
    }
    Ok(element)
}

fn push(cx: &mut Context<'_>, to: &mut Open, text: &str) -> Result<(), Stop> {
    cx.charge(text.len()).map_err(Stop::Run)?;
    to.text.push_str(text);
    Ok(())
}

/// Near enough to what XML allows as a name that nothing else can be meant by it.
fn is_name(name: &str) -> bool {
    let is_first = |c: char| c.is_alphabetic() || matches!(c, '_' | ':');
    let is_later = |c: char| is_first(c) || c.is_alphanumeric() || matches!(c, '-' | '.' | '\u{b7}');
    name.starts_with(is_first) && name.chars().all(is_later)
}

/// `formatXML(value, pretty)`
pub(super) fn format(cx: &mut Context<'_>, arguments: &[Value]) -> Result<Value, RunError> {
    let mut writer = Writer { cx, out: String::new() };
    let pretty = arguments.get(1).is_some_and(Value::is_true);
    writer.content(arguments.first().unwrap_or(&Value::Null), 0, pretty)?;
    let out = writer.out;
    Ok(out.into())
}

struct Writer<'a, 'h> {
    cx: &'a mut Context<'h>,
    out: String,
}

impl Writer<'_, '_> {
    /// What stands between the tags of an element, or is the document.
    fn content(&mut self, value: &Value, depth: usize, pretty: bool) -> Result<(), RunError> {
        match value {
            Value::Object(object) => {
                for (key, value) in object.iter() {
                    if key.starts_with('@') && depth == 0 {
                        return Err(RunError::other(format!("{key:?} is an attribute of no element")));
                    }
                    match &**key {
                        TEXT => self.text(value)?,
                        key if key.starts_with('@') => {}
                        key => self.element(key, value, depth, pretty)?,
                    }
                }
                Ok(())
            }
            Value::Array(items) => items.iter().try_for_each(|item| self.content(item, depth, pretty)),
            _ => self.text(value),
        }
    }

    /// An element, or one for each item of an array.
    fn element(&mut self, name: &str, value: &Value, depth: usize, pretty: bool) -> Result<(), RunError> {
        if let Value::Array(_) | Value::Records(..) = value {
            return value.items().try_for_each(|item| self.element(name, &item, depth, pretty));
        }
        if let Value::Choices(_, options) = value {
            let mut options = options.iter().map(|&option| Value::Number(f64::from(option)));
            return options.try_for_each(|option| self.element(name, &option, depth, pretty));
        }
        if depth >= DEPTH_MAX {
            return Err(RunError::other(format!("the value is nested more than {DEPTH_MAX} deep")));
        }
        self.check_name(name)?;
        self.cx.step(1)?;
        self.cx.charge(2 * name.len() + 5 + if pretty { 4 * depth } else { 0 })?;
        if pretty && !self.out.is_empty() {
            self.line(depth);
        }
        let _ = write!(self.out, "<{name}");
        let has_children = self.attributes(value)?;
        self.out.push('>');
        let before = self.out.len();
        // Lines between the words of a text would become part of it.
        let has_text = matches!(value, Value::Object(object) if object.contains_key(TEXT));
        let pretty = pretty && !has_text;
        self.content(value, depth + 1, pretty)?;
        if self.out.len() == before {
            self.out.truncate(before - 1);
            self.out.push_str("/>");
            return Ok(());
        }
        if pretty && has_children {
            self.line(depth);
        }
        let _ = write!(self.out, "</{name}>");
        Ok(())
    }

    /// Writes the attributes among an element's keys; whether there are other keys.
    fn attributes(&mut self, value: &Value) -> Result<bool, RunError> {
        let Value::Object(object) = value else { return Ok(false) };
        let mut has_children = false;
        for (key, value) in object.iter() {
            let Some(name) = key.strip_prefix('@') else {
                // An empty array is no element at all.
                has_children |= !matches!(value, Value::Array(items) if items.is_empty());
                continue;
            };
            self.check_name(name)?;
            if let Value::Object(_) | Value::Array(_) | Value::Records(..) | Value::Choices(..) = value {
                return Err(RunError::other(format!("the attribute {name:?} can only be one value")));
            }
            self.cx.charge(name.len() + 4)?;
            let _ = write!(self.out, " {name}=\"");
            self.text(value)?;
            self.out.push('"');
        }
        Ok(has_children)
    }

    fn check_name(&self, name: &str) -> Result<(), RunError> {
        if is_name(name) {
            return Ok(());
        }
        Err(RunError::other(format!("{name:?} cannot be a name in XML; letters, digits, _ - . can")))
    }

    fn line(&mut self, depth: usize) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n("  ", depth));
    }

    /// A value as `formatJSON` has it, without its quotes.
    fn text(&mut self, value: &Value) -> Result<(), RunError> {
        let mut json = String::new();
        let text = match value {
            Value::Null => "",
            Value::Text(text) => text,
            other => {
                json::write(other, &mut json);
                json.trim_matches('"')
            }
        };
        let before = self.out.len();
        self.cx.charge(text.len())?;
        self.out.reserve(text.len());
        for c in text.chars() {
            match c {
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '&' => self.out.push_str("&amp;"),
                '"' => self.out.push_str("&quot;"),
                // A reader takes this for a line's end.
                '\r' => self.out.push_str("&#13;"),
                '\t' | '\n' => self.out.push(c),
                // XML has no way to write these.
                '\0'..'\u{20}' | '\u{fffe}' | '\u{ffff}' => self.out.push('\u{fffd}'),
                c => self.out.push(c),
            }
        }
        self.cx.charge((self.out.len() - before).saturating_sub(text.len()))
    }
}
