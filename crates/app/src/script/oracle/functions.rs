//! The functions that the oracle knows (nx-language.md §4).

use std::cmp::Ordering;

use super::{
    naive::{DAY, equal, finite, is_empty, items, number, order},
    text::{civil, text_of},
    world::{OPTIONS, Val},
};

pub(super) fn call(name: &str, arguments: &[Val]) -> Val {
    let first = &arguments[0];
    match name {
        "sum" => fold(first, |numbers| numbers.iter().sum()),
        "avg" => fold(first, |numbers| numbers.iter().sum::<f64>() / numbers.len() as f64),
        "min" => extreme(first, Ordering::Less),
        "max" => extreme(first, Ordering::Greater),
        "cnt" => Val::Num(items(first).iter().filter(|item| **item != Val::Null).count() as f64),
        "length" if matches!(first, Val::Text(_)) => Val::Num(text_of(first).encode_utf16().count() as f64),
        "length" => Val::Num(items(first).len() as f64),
        "first" => items(first).first().cloned().unwrap_or(Val::Null),
        "last" => items(first).last().cloned().unwrap_or(Val::Null),
        "reverse" => Val::List(items(first).into_iter().rev().collect()),
        "sort" => Val::List(sorted(first)),
        "rsort" => Val::List(sorted(first).into_iter().rev().collect()),
        "unique" => {
            let mut kept: Vec<Val> = Vec::new();
            for item in items(first) {
                if !kept.iter().any(|known| equal(known, &item)) {
                    kept.push(item);
                }
            }
            Val::List(kept)
        }
        "contains" => Val::Bool(items(first).iter().any(|item| equal(item, &arguments[1]))),
        "index" => {
            let place = items(first).iter().position(|item| equal(item, &arguments[1]));
            Val::Num(place.map_or(-1.0, |place| place as f64))
        }
        "array" => Val::List(items(first).into_iter().chain(items(&arguments[1])).collect()),
        "slice" => {
            let (from, to) = (whole(&arguments[1]), whole(&arguments[2]));
            Val::List(items(first).into_iter().take(to).skip(from).collect())
        }
        "numbers" => match first {
            Val::Multi(options) => Val::List(options.iter().map(|n| Val::Num(f64::from(*n))).collect()),
            _ => Val::List(Vec::new()),
        },
        "join" => joined(first, &text_of(&arguments[1])),
        "concat" => joined(first, ", "),
        "chosen" => match first {
            Val::Multi(options) => {
                let wanted = text_of(&arguments[1]);
                Val::Bool(options.iter().any(|option| OPTIONS[*option as usize - 1] == wanted))
            }
            _ => Val::Bool(false),
        },
        // The rest have nothing to say of nothing.
        _ if arguments.contains(&Val::Null) => Val::Null,
        "number" => number(first).map_or(Val::Null, Val::Num),
        "contains text" => Val::Bool(text_of(first).contains(&text_of(&arguments[1]))),
        "upper" => Val::Text(text_of(first).to_uppercase()),
        "lower" => Val::Text(text_of(first).to_lowercase()),
        "trim" => Val::Text(text_of(first).trim().to_owned()),
        "substr" => {
            let units: Vec<u16> = text_of(first).encode_utf16().collect();
            let (from, length) = (whole(&arguments[1]), whole(&arguments[2]));
            let part: Vec<u16> = units.into_iter().skip(from).take(length).collect();
            Val::Text(String::from_utf16_lossy(&part))
        }
        "date" => moment(first).map_or(Val::Null, |ms| Val::Date(ms.div_euclid(DAY))),
        "time" => moment(first).map_or(Val::Null, |ms| Val::Time(ms.rem_euclid(DAY))),
        "year" => part(first, |(year, _, _)| year),
        "month" => part(first, |(_, month, _)| month),
        "day" => part(first, |(_, _, day)| day),
        "quarter" => part(first, |(_, month, _)| (month + 2) / 3),
        "weekday" => match first {
            // The first day of 1970 was a Thursday.
            Val::Date(days) => Val::Num((days + 3).rem_euclid(7) as f64),
            _ => Val::Null,
        },
        "replace" => {
            let (whole, part, with) = (text_of(first), text_of(&arguments[1]), text_of(&arguments[2]));
            Val::Text(if part.is_empty() { whole } else { whole.replace(&part, &with) })
        }
        _ => {
            let n = number(first).unwrap_or(f64::NAN);
            finite(match name {
                "abs" => n.abs(),
                "floor" => n.floor(),
                "ceil" => n.ceil(),
                "sign" => {
                    if n == 0.0 {
                        0.0
                    } else {
                        n.signum()
                    }
                }
                _ => n.round(),
            })
        }
    }
}

fn whole(value: &Val) -> usize {
    number(value).unwrap_or(0.0) as usize
}

fn moment(value: &Val) -> Option<i64> {
    match value {
        Val::Moment(ms) => Some(*ms),
        _ => None,
    }
}

fn part(value: &Val, of: impl Fn((i64, i64, i64)) -> i64) -> Val {
    match value {
        Val::Date(days) => Val::Num(of(civil(*days)) as f64),
        _ => Val::Null,
    }
}

/// Something of the numbers that are there.
fn fold(value: &Val, of: impl Fn(&[f64]) -> f64) -> Val {
    let numbers: Vec<f64> = items(value).iter().filter_map(number).collect();
    if numbers.is_empty() { Val::Null } else { finite(of(&numbers)) }
}

fn sorted(value: &Val) -> Vec<Val> {
    let mut list = items(value);
    list.sort_by(order);
    list
}

fn extreme(value: &Val, wanted: Ordering) -> Val {
    let mut best = Val::Null;
    for item in items(value).into_iter().filter(|item| !is_empty(item)) {
        if best == Val::Null || order(&item, &best) == wanted {
            best = item;
        }
    }
    best
}

fn joined(value: &Val, separator: &str) -> Val {
    Val::Text(items(value).iter().map(text_of).collect::<Vec<_>>().join(separator))
}
