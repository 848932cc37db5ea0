//! The document as people read it: one page of HTML, without scripts, with a stylesheet beside it.

use std::fmt::{self, Write as _};

use serde_json::{Map, Value};

mod example;
mod shape;

use example::example;
use shape::{fields, kind};

/// How the page looks.
pub(crate) const STYLE: &str = include_str!("reference/style.css");

/// Text in HTML.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            other => f.write_char(other),
        })
    }
}

/// Text in which what stands between backticks is code, and an empty line begins a paragraph.
struct Prose<'a>(&'a str);

impl fmt::Display for Prose<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, paragraph) in self.0.split("\n\n").enumerate() {
            f.write_str(if at > 0 { "</p>\n<p>" } else { "" })?;
            for (at, part) in paragraph.split('`').enumerate() {
                if at % 2 == 0 {
                    write!(f, "{}", Text(part))?;
                } else {
                    write!(f, "<code>{}</code>", Text(part))?;
                }
            }
        }
        Ok(())
    }
}

/// The document, for whoever follows its references.
#[derive(Clone, Copy)]
struct Document<'a>(&'a Value);

impl<'a> Document<'a> {
    /// What a reference leads to; or the thing itself, if it is none.
    fn resolve(self, thing: &'a Value) -> &'a Value {
        let place = thing["$ref"].as_str().map(|reference| reference.trim_start_matches('#'));
        place.and_then(|place| self.0.pointer(place)).unwrap_or(thing)
    }

    /// The operations of a tag: the method, the path and the operation.
    fn operations(self, tag: &str) -> impl Iterator<Item = (&'a str, &'a str, &'a Value)> {
        let all = members(&self.0["paths"]).flat_map(|(path, item)| {
            members(item).map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
        });
        all.filter(move |(_, _, operation)| operation["tags"][0] == tag)
    }

    fn tags(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        items(&self.0["tags"]).map(|tag| (text(&tag["name"]), text(&tag["description"])))
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The page.
pub(crate) fn page(document: &Value) -> String {
    let document = Document(document);
    let mut html = String::with_capacity(1 << 19);
    // Writing to a text does not fail.
    let _ = write_page(&mut html, document);
    html
}

fn write_page(html: &mut String, document: Document<'_>) -> fmt::Result {
    let info = &document.0["info"];
    let (title, version) = (Text(text(&info["title"])), Text(text(&info["version"])));
    write!(
        html,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title} API</title>\n\
         <link rel=\"stylesheet\" href=\"/docs/style.css\">\n</head>\n<body>\n"
    )?;
    navigation(html, document)?;
    write!(
        html,
        "<main>\n<h1>{title} API <small>{version}</small></h1>\n<p>{}</p>\n\
         <p>For programs: <a href=\"/api/v0/openapi.json\">openapi.json</a> (OpenAPI {}).</p>\n",
        Prose(text(&info["description"])),
        Text(text(&document.0["openapi"])),
    )?;
    for (tag, description) in document.tags() {
        write!(
            html,
            "<section id=\"{}\">\n<h2>{}</h2>\n<p>{}</p>\n",
            anchor(tag),
            Text(tag),
            Prose(description)
        )?;
        for (method, path, operation) in document.operations(tag) {
            write_operation(html, document, method, path, operation)?;
        }
        html.push_str("</section>\n");
    }
    shapes(html, document)?;
    html.push_str("</main>\n</body>\n</html>\n");
    Ok(())
}

fn anchor(name: &str) -> String {
    name.to_ascii_lowercase().replace(|character: char| !character.is_ascii_alphanumeric(), "-")
}

fn navigation(html: &mut String, document: Document<'_>) -> fmt::Result {
    html.push_str("<nav>\n");
    for (tag, _) in document.tags() {
        write!(html, "<a class=\"tag\" href=\"#{}\">{}</a>\n<ul>\n", anchor(tag), Text(tag))?;
        for (method, _, operation) in document.operations(tag) {
            let (id, summary) = (text(&operation["operationId"]), Text(text(&operation["summary"])));
            writeln!(html, "<li><a href=\"#{id}\"><b class=\"{method}\">{method}</b> {summary}</a></li>")?;
        }
        html.push_str("</ul>\n");
    }
    html.push_str("<a class=\"tag\" href=\"#shapes\">Shapes</a>\n</nav>\n");
    Ok(())
}

fn write_operation(
    html: &mut String,
    document: Document<'_>,
    method: &str,
    path: &str,
    operation: &Value,
) -> fmt::Result {
    let id = text(&operation["operationId"]);
    write!(
        html,
        "<article id=\"{id}\">\n<h3><a href=\"#{id}\">{}</a></h3>\n<p class=\"line\"><b class=\"{method}\">{method}</b> \
         <code>{}</code></p>\n",
        Text(text(&operation["summary"])),
        Text(path),
    )?;
    let description = text(&operation["description"]);
    if !description.is_empty() {
        writeln!(html, "<p>{}</p>", Prose(description))?;
    }
    parameters(html, document, &operation["parameters"])?;
    body(html, document, &operation["requestBody"])?;
    html.push_str("<h4>Answers</h4>\n<p>Errors are a <a href=\"#shape-Problem\">Problem</a>, <code>application/problem+json</code>.</p>\n");
    for (status, answer) in members(&operation["responses"]) {
        write_answer(html, document, status, document.resolve(answer))?;
    }
    html.push_str("</article>\n");
    Ok(())
}

fn parameters(html: &mut String, document: Document<'_>, parameters: &Value) -> fmt::Result {
    html.push_str("<h4>Parameters</h4>\n<table>\n");
    for parameter in items(parameters).map(|parameter| document.resolve(parameter)) {
        let needed = if parameter["required"] == true { " <i>required</i>" } else { "" };
        writeln!(
            html,
            "<tr><td><code>{}</code>{needed}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            Text(text(&parameter["name"])),
            Text(text(&parameter["in"])),
            kind(&parameter["schema"]),
            Prose(text(&parameter["description"])),
        )?;
    }
    html.push_str("</table>\n");
    Ok(())
}

fn body(html: &mut String, document: Document<'_>, body: &Value) -> fmt::Result {
    if body.is_null() {
        return Ok(());
    }
    let may = if body["required"] == true { "" } else { " <i>may be left out</i>" };
    writeln!(html, "<h4>Body{may}</h4>")?;
    content(html, document, &body["content"])
}

fn write_answer(html: &mut String, document: Document<'_>, status: &str, answer: &Value) -> fmt::Result {
    let (class, said) = (&status[..1], Prose(text(&answer["description"])));
    if class != "2" {
        // All errors have one shape.
        return writeln!(html, "<p class=\"answer\"><b class=\"s{class}\">{status}</b> {said}</p>");
    }
    writeln!(html, "<details><summary><b class=\"s{class}\">{status}</b> {said}</summary>\n<table>")?;
    for (name, header) in members(&answer["headers"]) {
        let description = Prose(text(&document.resolve(header)["description"]));
        writeln!(html, "<tr><td><code>{}</code></td><td>header</td><td>{description}</td></tr>", Text(name))?;
    }
    html.push_str("</table>\n");
    content(html, document, &answer["content"])?;
    html.push_str("</details>\n");
    Ok(())
}

fn content(html: &mut String, document: Document<'_>, content: &Value) -> fmt::Result {
    for (content_type, media) in members(content) {
        let schema = &media["schema"];
        writeln!(html, "<p><code>{}</code> {}</p>", Text(content_type), kind(schema))?;
        fields(html, document, document.resolve(schema))?;
        let example = example(document, schema, 0);
        let shown = example.as_str().map_or_else(|| format!("{example:#}"), str::to_owned);
        writeln!(html, "<pre>{}</pre>", Text(&shown))?;
    }
    Ok(())
}

fn shapes(html: &mut String, document: Document<'_>) -> fmt::Result {
    html.push_str("<section id=\"shapes\">\n<h2>Shapes</h2>\n");
    for (name, shape) in members(&document.0["components"]["schemas"]) {
        write!(
            html,
            "<article id=\"shape-{name}\">\n<h3><a href=\"#shape-{name}\">{name}</a></h3>\n<p>{}</p>\n<p>{}</p>\n",
            Prose(text(&shape["description"])),
            kind(shape),
        )?;
        fields(html, document, shape)?;
        html.push_str("</article>\n");
    }
    html.push_str("</section>\n");
    Ok(())
}
