//! Every answer that a test gets is held to what the API's document says of it: its status, its headers, and its body to the last field.
//! And whatever the server takes, the document has to allow.

use std::{collections::HashMap, sync::LazyLock};

use boon::{Compiler, Draft, SchemaIndex, Schemas};
use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};

use crate::caller::Answer;

/// Where the document is for whoever follows its references.
const PLACE: &str = "http://tenantry.invalid/openapi.json";
/// What the document has to say of an answer if it is there.
const TOLD: [&str; 7] = [
    "location",
    "etag",
    "retry-after",
    "ratelimit",
    "ratelimit-policy",
    "www-authenticate",
    "idempotency-replayed",
];

/// The document, and what it says of bodies.
struct Contract {
    document: Value,
    schemas: Schemas,
    compiled: HashMap<String, SchemaIndex>,
}

static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::new);

/// A request, as it was sent.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    /// With its query.
    pub(crate) path: &'a str,
    pub(crate) body: Option<(&'a str, &'a [u8])>,
}

/// Fails unless the document says of the answer what it is.
pub(crate) fn check(asked: &Asked<'_>, answer: &Answer) {
    if let Err(why) = CONTRACT.check(asked, answer) {
        panic!("{} {}: {why}: {answer:?}", asked.method, asked.path);
    }
}

impl Contract {
    fn new() -> Self {
        let document = tenantry_api::document().clone();
        let mut strict = document.clone();
        close(&mut strict);
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V2020_12);
        compiler.enable_format_assertions();
        let places = bodies(&strict);
        compiler.add_resource(PLACE, strict).expect("the document is JSON");
        let mut schemas = Schemas::new();
        let bodies = places.into_iter().map(|place| {
            let url = format!("{PLACE}#{place}");
            let index =
                compiler.compile(&url, &mut schemas).unwrap_or_else(|error| panic!("{place}: {error:#}"));
            (place, index)
        });
        let bodies = bodies.collect();
        Self { document, schemas, compiled: bodies }
    }

    fn check(&self, asked: &Asked<'_>, answer: &Answer) -> Result<(), String> {
        let (path, query) = asked.path.split_once('?').unwrap_or((asked.path, ""));
        let method = match asked.method.as_str() {
            "HEAD" => "get".to_owned(),
            other => other.to_ascii_lowercase(),
        };
        let Some(template) = self.template(path) else { return Ok(()) };
        let Some(operation) = self.document["paths"][&template].get(&method) else { return Ok(()) };
        let place = format!("/paths/{}/{method}", escaped(&template));
        self.check_answer(operation, &place, answer, *asked.method == Method::HEAD)?;
        if (200..300).contains(&answer.status) {
            self.check_request(operation, &place, query, asked.body)?;
        }
        Ok(())
    }

    /// The path of the document that this one is of.
    fn template(&self, path: &str) -> Option<String> {
        let parts: Vec<&str> = path.split('/').collect();
        let fits = |template: &str| {
            let known: Vec<&str> = template.split('/').collect();
            let same =
                |(known, part): (&&str, &&str)| known == part || (known.starts_with('{') && !part.is_empty());
            known.len() == parts.len() && known.iter().zip(&parts).all(same)
        };
        let paths = self.document["paths"].as_object().expect("paths");
        if paths.contains_key(path) {
            return Some(path.to_owned());
        }
        paths.keys().find(|template| fits(template)).cloned()
    }

    fn check_answer(
        &self,
        operation: &Value,
        place: &str,
        answer: &Answer,
        is_head: bool,
    ) -> Result<(), String> {
        let status = answer.status.to_string();
        let told = operation["responses"].get(&status).ok_or("this status is not in the document")?;
        let place = match told.get("$ref").and_then(Value::as_str) {
            Some(reference) => reference.trim_start_matches('#').to_owned(),
            None => format!("{place}/responses/{status}"),
        };
        let told = self.document.pointer(&place).ok_or("a reference leads nowhere")?;
        self.check_headers(&told["headers"], &answer.headers)?;
        let Some(content) = told["content"].as_object() else {
            return if answer.text.is_empty() {
                Ok(())
            } else {
                Err("the document knows of no body".to_owned())
            };
        };
        let content_type = answer.header("content-type").unwrap_or_default();
        if !content.contains_key(content_type) {
            return Err(format!("the document does not know {content_type}"));
        }
        if is_head || answer.headers.contains_key("content-encoding") || !content_type.ends_with("json") {
            return Ok(());
        }
        self.validate(&format!("{place}/content/{}/schema", escaped(content_type)), &answer.json())
    }

    fn check_headers(&self, told: &Value, headers: &HeaderMap) -> Result<(), String> {
        let told = told.as_object().ok_or("no headers are documented")?;
        for (name, header) in told {
            let reference = header["$ref"].as_str().unwrap_or_default().trim_start_matches('#');
            let is_required =
                self.document.pointer(reference).is_some_and(|header| header["required"] == true);
            if is_required && !headers.contains_key(name.to_ascii_lowercase()) {
                return Err(format!("{name} is missing"));
            }
        }
        let is_told = |name: &str| told.keys().any(|known| known.eq_ignore_ascii_case(name));
        match TOLD.iter().find(|name| headers.contains_key(**name) && !is_told(name)) {
            Some(name) => Err(format!("{name} is not in the document")),
            None => Ok(()),
        }
    }

    fn check_request(
        &self,
        operation: &Value,
        place: &str,
        query: &str,
        body: Option<(&str, &[u8])>,
    ) -> Result<(), String> {
        let parameters = operation["parameters"].as_array().expect("parameters");
        for (name, _) in url::form_urlencoded::parse(query.as_bytes()) {
            let is_told =
                |parameter: &Value| parameter["in"] == "query" && parameter["name"] == name.as_ref();
            if operation["security"] != json!([]) && !parameters.iter().any(is_told) {
                return Err(format!("the document knows no parameter {name}"));
            }
        }
        let Some((content_type, body)) = body else {
            let is_needed = operation["requestBody"]["required"] == true;
            return if is_needed { Err("the document wants a body".to_owned()) } else { Ok(()) };
        };
        let Some(content) = operation["requestBody"]["content"].as_object() else { return Ok(()) };
        if content_type != "application/json" || !content.contains_key(content_type) || body.is_empty() {
            return Ok(());
        }
        let body = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        self.validate(&format!("{place}/requestBody/content/{}/schema", escaped(content_type)), &body)
    }

    fn validate(&self, place: &str, value: &Value) -> Result<(), String> {
        let index = self.compiled.get(place).ok_or_else(|| format!("no schema at {place}"))?;
        self.schemas.validate(value, *index).map_err(|error| format!("{error:#}"))
    }
}

fn escaped(part: &str) -> String {
    part.replace('~', "~0").replace('/', "~1")
}

/// Where the document describes the body of a request or of an answer.
fn bodies(document: &Value) -> Vec<String> {
    let mut places = Vec::new();
    let mut content = |place: &str, holder: &Value| {
        for (content_type, media) in holder["content"].as_object().into_iter().flatten() {
            if media.get("schema").is_some() {
                places.push(format!("{place}/content/{}/schema", escaped(content_type)));
            }
        }
    };
    for (name, answer) in document["components"]["responses"].as_object().expect("responses") {
        content(&format!("/components/responses/{}", escaped(name)), answer);
    }
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let place = format!("/paths/{}/{method}", escaped(path));
            content(&format!("{place}/requestBody"), &operation["requestBody"]);
            for (status, answer) in operation["responses"].as_object().expect("answers") {
                content(&format!("{place}/responses/{status}"), answer);
            }
        }
    }
    places
}

/// Lets no object have a field that its shape does not name. Clients have to expect more; tests have not.
fn close(document: &mut Value) {
    each(document["components"].get_mut("schemas")).for_each(close_within);
    each(document["components"].get_mut("responses")).for_each(close_answer);
    for operation in each(document.get_mut("paths")).flat_map(|item| each(Some(item))) {
        each(operation.get_mut("responses")).for_each(close_answer);
    }
}

/// What an object has, if it is there.
fn each(object: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    object.and_then(Value::as_object_mut).into_iter().flatten().map(|(_, value)| value)
}

fn close_answer(answer: &mut Value) {
    each(answer.get_mut("content")).for_each(|media| close_shape(&mut media["schema"]));
}

/// Closes a shape where it is used, which is not where it is one of several that together are one.
fn close_shape(shape: &mut Value) {
    close_within(shape);
    let is_open = shape.get("additionalProperties").is_none();
    let has_fields = ["properties", "allOf", "oneOf", "$ref"].iter().any(|key| shape.get(key).is_some());
    if is_open && has_fields {
        shape["unevaluatedProperties"] = false.into();
    }
}

/// Closes the shapes that are used in this one.
fn close_within(shape: &mut Value) {
    for key in ["allOf", "oneOf", "anyOf"] {
        shape.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten().for_each(close_within);
    }
    each(shape.get_mut("properties")).for_each(close_shape);
    if let Some(items) = shape.get_mut("items") {
        close_shape(items);
    }
}
