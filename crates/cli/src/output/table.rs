//! Tables: columns two spaces apart, as wide as their widest cell.

use serde_json::Value;

use super::{one_line, plain};

/// One thing, a field a line; a field that it does not have is left out.
pub(super) fn record(thing: &Value, fields: &[&str]) -> String {
    let lines = fields
        .iter()
        .filter_map(|field| Some(vec![(*field).to_owned(), cell(find(thing, field)?)]))
        .collect::<Vec<_>>();
    align(&lines)
}

/// A list, an item a line below the names of the fields.
pub(super) fn rows(things: &[Value], fields: &[&str]) -> String {
    let head = fields.iter().map(|field| field.to_uppercase().replace('_', " ")).collect();
    let body = things
        .iter()
        .map(|thing| fields.iter().map(|field| cell(find(thing, field).unwrap_or(&Value::Null))).collect());
    align(&std::iter::once(head).chain(body).collect::<Vec<_>>())
}

fn find<'a>(thing: &'a Value, field: &str) -> Option<&'a Value> {
    field.split('.').try_fold(thing, |value, name| value.get(name))
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => one_line(text),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().map(cell).collect::<Vec<_>>().join(", ")
        }
        other => plain(&other.to_string()).into_owned(),
    }
}

fn align(lines: &[Vec<String>]) -> String {
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..lines.first().map_or(0, Vec::len)).map(width).collect();
    let aligned = lines.iter().map(|line| {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    });
    aligned.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn should_align_rows_below_their_heads() {
        let things = [
            json!({"id": "a", "created_at": "2026-01-01T00:00:00Z", "tags": ["x", "y"]}),
            json!({"id": "längeres", "tags": null, "input": {"n": 1}}),
        ];
        let expected = "\
ID        CREATED AT            TAGS  INPUT
a         2026-01-01T00:00:00Z  x, y  -
längeres  -                     -     {\"n\":1}
";
        assert_eq!(rows(&things, &["id", "created_at", "tags", "input"]), expected);
    }

    #[test]
    fn should_show_a_record_with_the_fields_that_it_has() {
        let thing = json!({"user": {"name": "Ada"}, "role": "manager"});
        assert_eq!(
            record(&thing, &["user.name", "user.email", "role"]),
            "user.name  Ada\nrole       manager\n"
        );
    }

    #[test]
    fn should_keep_a_text_with_line_breaks_in_its_line() {
        assert_eq!(rows(&[json!({"a": "1\n2"})], &["a"]), "A\n1\\n2\n");
    }
}
