//! Arrays, record sets and aggregates (nx-language.md §4.4, §5.3).

use std::{cmp::Ordering, sync::Arc};

use crate::{
    Context, FunctionDef, Object, Overload, RunError, Value, compare,
    convert::{number_of, text_of, write_text},
};

type Outcome = Result<Value, RunError>;

/// The group.
pub const FUNCTIONS: &[FunctionDef] = &[
    FunctionDef::new(
        "array",
        &[Overload::nullable("any, any -> common", |cx, a| array(cx, &a[0], &a[1]))],
        "Both arrays one behind the other.",
        &[("array([1,2],[3])", "[1,2,3]"), ("array([], [1])", "[1]")],
    ),
    FunctionDef::new(
        "avg",
        &[Overload::nullable("any -> item", |cx, a| average(cx, &a[0]))],
        "The mean of the items that are not empty; empty if there is none.",
        &[("avg([1,2,3])", "2"), ("avg([1,null])", "1"), ("avg([])", "null")],
    ),
    FunctionDef::new(
        "chosen",
        &[
            Overload::nullable("any -> [text]", |cx, a| chosen(cx, &a[0])),
            Overload::nullable("any, any -> boolean", |cx, a| is_chosen(cx, &a[0], &a[1])),
        ],
        "The captions of the options that are chosen, or whether one, by caption or id, is.",
        &[("chosen(null)", "[]"), ("chosen(null, 1)", "false")],
    ),
    FunctionDef::new(
        "concat",
        &[Overload::nullable("any -> text", |cx, a| joined(cx, &a[0], ", "))],
        "All items as one text, with `, ` between them.",
        &[("concat([\"a\",\"b\"])", "\"a, b\""), ("concat([])", "\"\"")],
    ),
    FunctionDef::new(
        "cnt",
        &[Overload::nullable("any -> number", |cx, a| count(cx, &a[0]))],
        "How many items are not empty. Of a selection: how many records.",
        &[("cnt([1,null,3])", "2"), ("cnt([])", "0")],
    )
    .alias(&["count"]),
    FunctionDef::new(
        "contains",
        &[
            Overload::strict("text, text -> boolean", |_, a| match (&a[0], &a[1]) {
                (Value::Text(text), Value::Text(part)) => Ok(text.contains(&**part).into()),
                _ => Ok(Value::Null),
            }),
            Overload::nullable("any, any -> boolean", |cx, a| {
                Ok(place_of(cx, &a[0], &a[1])?.is_some().into())
            }),
        ],
        "Whether a text has another in it, exactly as written, or an array an item.",
        &[
            ("contains(\"Ninox\",\"nox\")", "true"),
            ("contains(\"Ninox\",\"NOX\")", "false"),
            ("contains([1,2],2)", "true"),
            ("contains([1,2],5)", "false"),
        ],
    ),
    FunctionDef::new(
        "first",
        &[Overload::nullable("any -> item", |_, a| Ok(a[0].item(0).unwrap_or_default()))],
        "The first item; empty if there is none.",
        &[("first([7,8])", "7"), ("first([])", "null")],
    ),
    FunctionDef::new(
        "index",
        &[
            Overload::strict("text, text -> number", |_, a| match (&a[0], &a[1]) {
                (Value::Text(text), Value::Text(part)) => Ok(index_in_text(text, part).into()),
                _ => Ok(Value::Null),
            }),
            Overload::nullable("any, any -> number", |cx, a| {
                let place = place_of(cx, &a[0], &a[1])?;
                Ok(place.map_or(-1.0, |place| place as f64).into())
            }),
        ],
        "The place, from 0, where a text has another in it, or an array an item; -1 if nowhere.",
        &[
            ("index(\"Hello\",\"l\")", "2"),
            ("index(\"Hello\",\"x\")", "-1"),
            ("index([\"a\",\"b\",\"d\"],\"b\")", "1"),
        ],
    ),
    FunctionDef::new(
        "item",
        &[
            Overload::nullable("[any], number -> item", |_, a| Ok(item(&a[0], &a[1]))),
            Overload::nullable("any, scalar -> any", |_, a| Ok(item(&a[0], &a[1]))),
        ],
        "The item at a place, from 0, or the value of a key; empty if there is none.",
        &[
            ("item([10,20,30],1)", "20"),
            ("item([1,2],5)", "null"),
            ("item({a:1,b:2},\"b\")", "2"),
            ("item({a:1},\"x\")", "null"),
        ],
    ),
    FunctionDef::new(
        "join",
        &[Overload::nullable("any, text -> text", |cx, a| {
            let separator = match &a[1] {
                Value::Text(text) => Arc::clone(text),
                _ => "".into(),
            };
            joined(cx, &a[0], &separator)
        })],
        "All items as one text, with a separator between them.",
        &[("join([\"a\",\"b\",\"c\"],\"-\")", "\"a-b-c\""), ("join([1,2], \"; \")", "\"1; 2\"")],
    ),
    FunctionDef::new(
        "last",
        &[Overload::nullable("any -> item", |_, a| Ok(a[0].items().next_back().unwrap_or_default()))],
        "The last item; empty if there is none.",
        &[("last([7,8])", "8"), ("last([])", "null")],
    ),
    FunctionDef::new(
        "length",
        &[
            Overload::nullable("text -> number", |_, a| match &a[0] {
                Value::Text(text) => Ok((text.encode_utf16().count() as f64).into()),
                _ => Ok(0.0.into()),
            }),
            Overload::nullable("any -> number", |_, a| match &a[0] {
                Value::Text(text) => Ok((text.encode_utf16().count() as f64).into()),
                Value::Choices(_, options) => Ok((options.len() as f64).into()),
                other => Ok((other.item_count() as f64).into()),
            }),
        ],
        "How many characters (UTF-16 code units, as in JavaScript) or items, empty ones too.",
        &[
            ("length([1,null,3])", "3"),
            ("length(\"Mermaid\")", "7"),
            ("length(\"\")", "0"),
            ("length(\"äöü\")", "3"),
            ("length(\"a😀\")", "3"),
        ],
    ),
    FunctionDef::new(
        "max",
        &[
            Overload::nullable("any -> item", |cx, a| extreme(cx, &a[0], Ordering::Greater)),
            Overload::nullable("scalar, scalar... -> common", |cx, a| {
                extreme(cx, &Value::array(a), Ordering::Greater)
            }),
        ],
        "The greatest number, the latest date, the last text; what is empty does not count.",
        &[
            ("max([3,9,4])", "9"),
            ("max(3,9)", "9"),
            ("max([date(2024,1,1), date(2024,5,1)])", "\"2024-05-01\""),
            ("max([])", "null"),
        ],
    ),
    FunctionDef::new(
        "min",
        &[
            Overload::nullable("any -> item", |cx, a| extreme(cx, &a[0], Ordering::Less)),
            Overload::nullable("scalar, scalar... -> common", |cx, a| {
                extreme(cx, &Value::array(a), Ordering::Less)
            }),
        ],
        "The least number, the earliest date, the first text; what is empty does not count.",
        &[("min([3,9,4])", "3"), ("min(3,9)", "3"), ("min([null,2])", "2"), ("min([])", "null")],
    ),
    FunctionDef::new(
        "numbers",
        &[Overload::nullable("any -> [number]", |cx, a| numbers(cx, &a[0]))],
        "The ids of the options that are chosen.",
        &[("numbers(null)", "[]"), ("numbers([1, \"2\"])", "[1,2]")],
    ),
    FunctionDef::new(
        "removeItem",
        &[Overload::nullable("any, scalar -> any", |cx, a| remove_item(cx, &a[0], &a[1]))],
        "An object without a key, or an array without the item at a place. A variable that is given is changed, too.",
        &[
            ("removeItem({a:1,b:2},\"a\")", "{\"b\":2}"),
            ("removeItem([1,2,3],1)", "[1,3]"),
            ("let o := {a:1,b:2}; removeItem(o,\"a\"); o", "{\"b\":2}"),
        ],
    ),
    FunctionDef::new(
        "reverse",
        &[Overload::nullable("any -> first", |cx, a| items(cx, &a[0], |items| items.reverse()))],
        "The items the other way round.",
        &[("reverse([1,2])", "[2,1]"), ("reverse([])", "[]")],
    ),
    FunctionDef::new(
        "rsort",
        &[Overload::nullable("any -> first", |cx, a| {
            items(cx, &a[0], |items| {
                items.sort_by(compare::order);
                items.reverse();
            })
        })],
        "The items from the greatest to the least, empty ones last.",
        &[("rsort([2,null,1])", "[2,1,null]")],
    ),
    FunctionDef::new(
        "setItem",
        &[Overload::nullable("any, scalar, any -> any", |cx, a| set_item(cx, &a[0], &a[1], &a[2]))],
        "An object with a key set, or an array with the item at a place replaced. A variable that is given is changed, too.",
        &[
            ("setItem({a:1},\"b\",2)", "{\"a\":1,\"b\":2}"),
            ("setItem([1,2],0,9)", "[9,2]"),
            ("setItem([1],2,9)", "[1,null,9]"),
            ("let o := {}; setItem(o,\"a\",1); o", "{\"a\":1}"),
        ],
    ),
    FunctionDef::new(
        "slice",
        &[
            Overload::strict("text, number, number? -> text", |cx, a| match &a[0] {
                Value::Text(text) => {
                    let (from, to) = bounds(a, text.encode_utf16().count());
                    let sliced = utf16_slice(text, from, to);
                    cx.made(sliced)
                }
                _ => Ok(Value::Null),
            }),
            Overload::nullable("any, number, number? -> first", |cx, a| {
                let (from, to) = bounds(a, a[0].item_count());
                cx.charge((to - from) * size_of::<Value>())?;
                Ok(Value::from_items((from..to).filter_map(|at| a[0].item(at)).collect()))
            }),
        ],
        "The part from a place, counted from 0, up to another, which is left out; negative places count from the end.",
        &[
            ("slice(\"Mermaid\", 3, 7)", "\"maid\""),
            ("slice(\"Ninox\", 0, 3)", "\"Nin\""),
            ("slice([\"Apple\",\"Bagel\",\"Cake\",\"Donut\"], 1, 3)", "[\"Bagel\",\"Cake\"]"),
            ("slice([1,2,3], -2)", "[2,3]"),
        ],
    ),
    FunctionDef::new(
        "sort",
        &[Overload::nullable("any -> first", |cx, a| {
            items(cx, &a[0], |items| items.sort_by(compare::order))
        })],
        "The items from the least to the greatest, empty ones first; text by its code units.",
        &[
            ("sort([3,1,2])", "[1,2,3]"),
            ("sort([\"b\",\"a\"])", "[\"a\",\"b\"]"),
            ("sort([2,null,1])", "[null,1,2]"),
        ],
    ),
    FunctionDef::new(
        "sum",
        &[Overload::nullable("any -> item", |cx, a| total(cx, &a[0]))],
        "The sum of the items that are not empty; empty if there is none.",
        &[("sum([1,2,3])", "6"), ("sum([1,null])", "1"), ("sum([])", "null")],
    ),
    FunctionDef::new(
        "unique",
        &[Overload::nullable("any -> first", unique)],
        "The items without those that were there before.",
        &[("unique([1,2,1,3])", "[1,2,3]"), ("unique([])", "[]")],
    ),
];

fn array(cx: &mut Context<'_>, a: &Value, b: &Value) -> Outcome {
    let items: Vec<Value> = a.items().chain(b.items()).collect();
    cx.step(items.len() as u64)?;
    cx.charge(items.len() * size_of::<Value>())?;
    Ok(Value::from_items(items))
}

fn items(cx: &mut Context<'_>, of: &Value, change: impl FnOnce(&mut Vec<Value>)) -> Outcome {
    if of.is_null() {
        return Ok(Value::Null);
    }
    cx.step(of.item_count() as u64)?;
    cx.charge(of.item_count() * size_of::<Value>())?;
    let mut items: Vec<Value> = of.items().collect();
    change(&mut items);
    Ok(Value::from_items(items))
}

/// Sum and number of the items that are numbers or intervals, and whether all are intervals.
fn summed(cx: &mut Context<'_>, of: &Value) -> Result<(f64, usize, bool), RunError> {
    cx.step(of.item_count() as u64 / 16)?;
    let (mut sum, mut count, mut all_intervals) = (0.0, 0, true);
    for item in of.items() {
        if let Some(n) = number_of(&item) {
            sum += n;
            count += 1;
            all_intervals &= matches!(item, Value::Interval(_));
        }
    }
    Ok((sum, count, all_intervals && count > 0))
}

fn total(cx: &mut Context<'_>, of: &Value) -> Outcome {
    let (sum, count, intervals) = summed(cx, of)?;
    Ok(match (count, intervals) {
        (0, _) => Value::Null,
        (_, true) => Value::Interval(sum as i64),
        _ => sum.into(),
    })
}

fn average(cx: &mut Context<'_>, of: &Value) -> Outcome {
    let (sum, count, intervals) = summed(cx, of)?;
    Ok(match (count, intervals) {
        (0, _) => Value::Null,
        (_, true) => Value::Interval((sum / count as f64).round() as i64),
        _ => (sum / count as f64).into(),
    })
}

fn count(cx: &mut Context<'_>, of: &Value) -> Outcome {
    let count = match of {
        Value::Records(_, records) => records.len(),
        Value::Choices(_, options) => options.len(),
        other => {
            cx.step(other.item_count() as u64 / 16)?;
            other.items().filter(|item| !item.is_null()).count()
        }
    };
    Ok((count as f64).into())
}

fn extreme(cx: &mut Context<'_>, of: &Value, wanted: Ordering) -> Outcome {
    cx.step(of.item_count() as u64)?;
    let found = of
        .items()
        .filter(|item| !item.is_empty())
        .reduce(|best, item| if compare::order(&item, &best) == wanted { item } else { best });
    Ok(found.unwrap_or_default())
}

fn joined(cx: &mut Context<'_>, of: &Value, separator: &str) -> Outcome {
    let mut out = String::new();
    let parts: Value = match of {
        // Its captions, not its ids.
        Value::Choices(..) => chosen(cx, of)?,
        other => other.clone(),
    };
    for (at, item) in parts.items().enumerate() {
        cx.step(1)?;
        let before = out.len();
        if at > 0 {
            out.push_str(separator);
        }
        write_text(&item, &cx.schema, &cx.locale, &mut out);
        cx.charge(out.len() - before)?;
    }
    Ok(out.into())
}

fn options(of: &Value) -> Vec<Value> {
    match of {
        Value::Choices(field, options) => options
            .iter()
            .filter_map(|&option| Some(Value::Choice(*field, u16::try_from(option).ok()?)))
            .collect(),
        other => other.items().collect(),
    }
}

fn chosen(cx: &mut Context<'_>, of: &Value) -> Outcome {
    let captions =
        options(of).into_iter().map(|option| Value::Text(text_of(&option, &cx.schema, &cx.locale)));
    let captions: Vec<Value> = captions.collect();
    cx.charge(captions.len() * size_of::<Value>())?;
    Ok(Value::array(captions))
}

fn is_chosen(cx: &mut Context<'_>, of: &Value, wanted: &Value) -> Outcome {
    Ok(options(of).iter().any(|option| compare::equal(option, wanted, &cx.schema)).into())
}

fn numbers(cx: &mut Context<'_>, of: &Value) -> Outcome {
    let numbers: Vec<Value> = options(of).iter().filter_map(number_of).map(Value::Number).collect();
    cx.charge(numbers.len() * size_of::<Value>())?;
    Ok(Value::array(numbers))
}

fn place_of(cx: &mut Context<'_>, of: &Value, wanted: &Value) -> Result<Option<usize>, RunError> {
    if let (Value::Text(text), Value::Text(part)) = (of, wanted) {
        let place = index_in_text(text, part);
        return Ok((place >= 0.0).then_some(place as usize));
    }
    let items = options(of);
    cx.step(items.len() as u64)?;
    Ok(items.iter().position(|item| compare::equal(item, wanted, &cx.schema)))
}

/// In UTF-16 code units.
fn index_in_text(text: &str, part: &str) -> f64 {
    text.find(part).map_or(-1.0, |at| text[..at].encode_utf16().count() as f64)
}

fn item(of: &Value, at: &Value) -> Value {
    match (of, at) {
        (Value::Object(object), Value::Text(key)) => object.get(key).cloned().unwrap_or_default(),
        (_, Value::Number(n)) if *n >= 0.0 && (of.is_array() || matches!(of, Value::Text(_))) => match of {
            Value::Text(text) => Value::text(utf16_slice(text, *n as usize, (*n as usize).saturating_add(1))),
            of => of.item(*n as usize).unwrap_or_default(),
        },
        _ => Value::Null,
    }
}

fn set_item(cx: &mut Context<'_>, of: &Value, key: &Value, value: &Value) -> Outcome {
    match (of, key) {
        (Value::Object(object), Value::Text(key)) => {
            let mut object: Object = (**object).clone();
            object.insert(Arc::clone(key), value.clone());
            cx.made(Value::Object(object.into()))
        }
        (Value::Null, Value::Text(key)) => {
            let object: Object = [(Arc::clone(key), value.clone())].into_iter().collect();
            cx.made(Value::Object(object.into()))
        }
        (of, Value::Number(n)) if (of.is_array() || of.is_null()) && *n >= 0.0 && n.fract() == 0.0 => {
            let at = *n as usize;
            let length = of.item_count().max(at.saturating_add(1));
            cx.charge(length.saturating_mul(size_of::<Value>()))?;
            let mut items: Vec<Value> = of.items().collect();
            items.resize(length, Value::Null);
            items[at] = value.clone();
            Ok(Value::from_items(items))
        }
        _ => Err(RunError::other("setItem takes an object and a key, or an array and a place")),
    }
}

fn remove_item(cx: &mut Context<'_>, of: &Value, key: &Value) -> Outcome {
    match (of, key) {
        (Value::Object(object), Value::Text(key)) => {
            let mut object: Object = (**object).clone();
            object.shift_remove(key);
            cx.made(Value::Object(object.into()))
        }
        (of, Value::Number(n)) if of.is_array() => items(cx, of, |items| {
            if *n >= 0.0 && (*n as usize) < items.len() {
                items.remove(*n as usize);
            }
        }),
        (of, _) => Ok(of.clone()),
    }
}

/// From and to as JavaScript's `slice` reads them.
fn bounds(arguments: &[Value], length: usize) -> (usize, usize) {
    let place = |at: usize, otherwise: usize| match arguments.get(at) {
        Some(Value::Number(n)) if *n < 0.0 => length.saturating_sub((-n) as usize),
        Some(Value::Number(n)) => (*n as usize).min(length),
        _ => otherwise,
    };
    let from = place(1, 0);
    (from, place(2, length).max(from))
}

/// A part of a text by UTF-16 code units; half of a pair becomes U+FFFD.
pub(crate) fn utf16_slice(text: &str, from: usize, to: usize) -> String {
    if text.is_ascii() {
        return text.get(from.min(text.len())..to.min(text.len())).unwrap_or_default().to_owned();
    }
    let units: Vec<u16> = text.encode_utf16().skip(from).take(to.saturating_sub(from)).collect();
    String::from_utf16_lossy(&units)
}

fn unique(cx: &mut Context<'_>, a: &[Value]) -> Outcome {
    let of = &a[0];
    if of.is_null() {
        return Ok(Value::Null);
    }
    let mut kept: Vec<Value> = Vec::new();
    // Most arrays are of plain values, whose JSON tells them apart; looking at all pairs would be slow.
    let mut seen = rustc_hash::FxHashSet::default();
    let mut key = String::new();
    for item in of.items() {
        cx.step(1)?;
        key.clear();
        crate::json::write(&item, &mut key);
        if !seen.contains(&key) {
            seen.insert(key.clone());
            kept.push(item);
        }
    }
    cx.charge(kept.len() * size_of::<Value>())?;
    Ok(Value::from_items(kept))
}
