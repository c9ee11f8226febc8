//! What a view's document means: its columns and filters, as far as the caller may see them.

use std::sync::Arc;

use boobook_model::{Document, Field, FieldId, JsonMap, StorageClass, TableId, TableSchema};
use boobook_nx::{
    Base, Checked, Effect, Form, Library, ScriptPlace, TextKind, Type, ViewFilter, converted,
    ir::{Kind, SystemField},
};
use serde_json::Value as Json;

use super::{Aggregate, Look, ViewProblem};
use crate::{
    AppError,
    script::{Accesses, require_sound},
};

/// A view with more columns than this is not for people.
const COLUMNS_MAX: usize = 500;

/// A view, read.
pub(super) struct Plan {
    pub(super) columns: Vec<Planned>,
    /// Comes to the records that pass all filters; `None`: none does.
    pub(super) select: Option<Checked>,
    pub(super) sort: Option<(usize, bool)>,
    pub(super) group: Option<usize>,
    pub(super) problems: Vec<ViewProblem>,
}

/// A column, read.
pub(super) struct Planned {
    pub(super) caption: String,
    pub(super) look: Look,
    pub(super) aggregate: Option<Aggregate>,
    pub(super) field: Option<Arc<Field>>,
    pub(super) how: How,
}

/// How a column comes to its cells.
pub(super) enum How {
    Broken,
    Stored(usize),
    System(SystemField),
    Run(Checked),
}

pub(super) struct Reader<'a> {
    pub(super) library: &'a Library,
    pub(super) accesses: &'a Accesses,
    pub(super) table: &'a TableSchema,
    /// Fields that the caller sees on conditions.
    pub(super) hidden: Vec<u16>,
}

impl Reader<'_> {
    pub(super) fn read(&self, view: &Document) -> Plan {
        let empty = JsonMap::new();
        let config = view.json.get("config").and_then(Json::as_object).unwrap_or(&empty);
        let of_view = [view.json.get("filter"), config.get("filter")].map(filter);
        let all = config.get("cols").and_then(Json::as_array).map_or(&[][..], |columns| &columns[..]);
        let mut plan =
            Plan { columns: Vec::new(), select: None, sort: None, group: None, problems: Vec::new() };
        let mut filters = Vec::new();
        // Where a column of the document is among those that show.
        let mut places = Vec::new();
        for column in all.iter().take(COLUMNS_MAX).filter_map(Json::as_object) {
            let source = column.get("expression").and_then(Json::as_str).unwrap_or_default();
            let checked = self.library.view_script(source, self.table.id);
            filters.extend(filter(column.get("filter")).map(|filter| self.filter(source, &checked, filter)));
            let planned = self.column(column, source, checked, &mut plan);
            places.push(planned.is_some().then_some(plan.columns.len()));
            plan.columns.extend(planned);
        }
        if all.len() > COLUMNS_MAX {
            let message = format!("a view shows at most {COLUMNS_MAX} columns");
            plan.problems.push(ViewProblem { column: String::new(), message });
        }
        let place = |key: &str| {
            let at = config.get(key)?.as_u64()?;
            places.get(usize::try_from(at).ok()?).copied().flatten()
        };
        let descending = config.get("descending").and_then(Json::as_bool).unwrap_or(false);
        plan.sort = place("sort").map(|at| (at, descending));
        plan.group = place("group");
        for own in of_view.into_iter().flatten() {
            filters.push((String::new(), None, own));
        }
        plan.select = self.select(&filters, &mut plan.problems);
        make_unlike(&mut plan.columns);
        plan
    }

    /// One `select` of all filters; none where one of them does not work, or reads what the caller may not.
    fn select(
        &self,
        filters: &[(String, Option<String>, &str)],
        problems: &mut Vec<ViewProblem>,
    ) -> Option<Checked> {
        let list: Vec<ViewFilter<'_>> = filters
            .iter()
            .map(|(column, text, filter)| ViewFilter {
                column: (!column.is_empty()).then_some(column.as_str()),
                text: text.as_deref(),
                filter,
            })
            .collect();
        for one in &list {
            let checked = self.library.view_select(std::slice::from_ref(one), self.table);
            if let Err(error) = self.sound(&checked, one.filter) {
                let column = one.column.unwrap_or_default().to_owned();
                problems.push(ViewProblem { column, message: format!("filter: {error}") });
                return None;
            }
        }
        Some(self.library.view_select(&list, self.table))
    }

    fn filter<'f>(
        &self,
        source: &str,
        checked: &Checked,
        filter: &'f str,
    ) -> (String, Option<String>, &'f str) {
        let text = match checked.ty.base {
            Base::Record(target) => self.label(target).map(|field| format!("({source}).{field}")),
            _ => None,
        };
        (source.to_owned(), text, filter)
    }

    /// What other tables call a record: its first field that people can read.
    fn label(&self, target: TableId) -> Option<FieldId> {
        let slot = label_slot(self.accesses, target)?;
        Some(self.library.schema.table(target)?.fields[slot].id)
    }

    fn sound(&self, checked: &Checked, source: &str) -> Result<(), AppError> {
        require_sound(checked, self.accesses, source)?;
        if checked.program.effect >= Effect::Outside {
            return Err(AppError::bad("", "a view only reads"));
        }
        Ok(())
    }

    /// `None` where the caller may not see it.
    fn column(&self, json: &JsonMap, source: &str, checked: Checked, plan: &mut Plan) -> Option<Planned> {
        let aggregate = json.get("agg").and_then(Json::as_str).and_then(|agg| match agg {
            "sum" => Some(Aggregate::Sum),
            "avg" => Some(Aggregate::Avg),
            "min" => Some(Aggregate::Min),
            "max" => Some(Aggregate::Max),
            "cnt" => Some(Aggregate::Cnt),
            _ => None,
        });
        let own = json.get("caption").and_then(Json::as_str).map(str::trim).filter(|own| !own.is_empty());
        let field = self.field(&checked);
        let caption = match own {
            Some(own) => own.to_owned(),
            None => self.caption(source, &checked, field.as_deref()),
        };
        let how = match self.sound(&checked, source) {
            Err(AppError::Forbidden(_)) => return None,
            Err(error) => {
                plan.problems.push(ViewProblem { column: caption.clone(), message: error.to_string() });
                How::Broken
            }
            Ok(()) => self.how(checked.ty, checked),
        };
        let look = match &how {
            How::Run(checked) => look(checked.ty),
            How::Stored(_) => field.as_deref().map_or(Look::Text, |f| look(Type::of_field(self.table.id, f))),
            How::System(SystemField::CreatedAt | SystemField::ModifiedAt) => Look::Moment,
            How::System(SystemField::Id | SystemField::Number | SystemField::Sequence) => Look::Number,
            How::System(_) | How::Broken => Look::Text,
        };
        Some(Planned { caption, look, aggregate, field, how })
    }

    /// The field of the record itself that a column shows.
    fn field(&self, checked: &Checked) -> Option<Arc<Field>> {
        let (Kind::Field(of, at) | Kind::Formula(of, at)) = &checked.program.body.kind else { return None };
        let is_own = matches!(of.kind, Kind::Local(0)) && at.table == self.table.id;
        self.table.fields.get(usize::from(at.slot)).filter(|_| is_own).cloned()
    }

    fn how(&self, ty: Type, checked: Checked) -> How {
        match &checked.program.body.kind {
            Kind::Field(of, at) if matches!(of.kind, Kind::Local(0)) && at.table == self.table.id => {
                let slot = usize::from(at.slot);
                let class = self.table.fields.get(slot).and_then(|field| field.kind.storage());
                // What shows as text that is found elsewhere is computed, and so is what conditions decide on.
                let is_plain = !matches!(ty.base, Base::Record(_))
                    && match class {
                        Some(StorageClass::Reference) | None => false,
                        Some(StorageClass::Choices) => matches!(ty.base, Base::Multi(_)),
                        Some(_) => true,
                    };
                if is_plain && !self.hidden.contains(&at.slot) {
                    How::Stored(slot)
                } else {
                    How::Run(checked)
                }
            }
            Kind::System(of, which) if matches!(of.kind, Kind::Local(0)) => How::System(*which),
            _ => How::Run(checked),
        }
    }

    fn caption(&self, source: &str, checked: &Checked, field: Option<&Field>) -> String {
        if let Some(field) = field {
            return field.caption.clone();
        }
        if let Kind::System(_, which) = &checked.program.body.kind {
            let caption = match which {
                SystemField::Id => "Id",
                SystemField::Number => "Nr",
                SystemField::CreatedAt => "Created on",
                SystemField::CreatedBy => "Created by",
                SystemField::ModifiedAt => "Last modified on",
                SystemField::ModifiedBy => "Last modified by",
                SystemField::Sequence => "Sequence",
            };
            return caption.to_owned();
        }
        let place = ScriptPlace { path: String::new(), table: Some(self.table.id), key: "expression" };
        let human = converted(self.library, &place, source, Form::Ids, Form::Human);
        let human = human.unwrap_or_else(|_| source.to_owned());
        let trimmed = human.trim();
        trimmed.strip_prefix('\'').and_then(|name| name.strip_suffix('\'')).unwrap_or(trimmed).to_owned()
    }
}

/// The slot of [`Reader::label`].
pub(super) fn label_slot(accesses: &Accesses, target: TableId) -> Option<usize> {
    const NO_LABELS: [&str; 8] = ["ref", "dchoice", "dmulti", "file", "image", "signature", "color", "icon"];
    let access = accesses.of(target).filter(|access| access.can_read)?;
    let slots = access.schema.slots_in_order().iter().map(|&slot| usize::from(slot));
    let reads = |slot: &usize| {
        let field = &access.schema.fields[*slot];
        field.is_stored()
            && !field.is_hidden()
            && access.may_read(*slot)
            && !NO_LABELS.contains(&field.kind.base())
    };
    slots.filter(reads).min_by_key(|&slot| access.schema.fields[slot].kind.base() != "string")
}

fn filter(json: Option<&Json>) -> Option<&str> {
    json.and_then(Json::as_str).map(str::trim).filter(|filter| !filter.is_empty())
}

fn look(ty: Type) -> Look {
    if ty.is_array {
        return Look::Text;
    }
    match ty.base {
        Base::Number => Look::Number,
        Base::Bool => Look::YesNo,
        Base::Date | Base::DateTime | Base::Time | Base::Interval | Base::Appointment => Look::Moment,
        Base::Text(TextKind::Url) => Look::Link,
        Base::Text(TextKind::Email) => Look::Email,
        Base::Text(TextKind::Phone) => Look::Phone,
        Base::Text(TextKind::Html) => Look::Html,
        _ => Look::Text,
    }
}

/// Rows are objects keyed by captions: of two columns with one name the second is called `Name (2)`.
fn make_unlike(columns: &mut [Planned]) {
    let mut taken = rustc_hash::FxHashSet::default();
    for column in columns {
        let own = column.caption.clone();
        for n in 2.. {
            if taken.insert(column.caption.clone()) {
                break;
            }
            column.caption = format!("{own} ({n})");
        }
    }
}
