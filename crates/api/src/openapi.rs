//! The API's description of itself (OpenAPI 3.1), made of what handlers' signatures say.
//!
//! Routes are mounted by [`Routes`] and by nothing else, and it takes what it mounts into the document: the path's parameters from the
//! path, everything else from the types of the handler's arguments and of its answer, which each [`Describe`] themselves. What no type can
//! say stands beside the handler's name, in [`About`].

pub(crate) mod derived;
mod operation;
mod problems;
pub(crate) mod reference;
mod shared;
pub(crate) mod values;

use std::{collections::BTreeMap, sync::LazyLock};

use axum::{
    Router,
    handler::Handler,
    http::Method,
    routing::{MethodFilter, on},
};
use serde_json::{Map, Value, json};

pub(crate) use operation::{Describe, Operation, Parameter, Signature};

use crate::{App, problem::Code, routes};

/// The document.
pub fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(routes::document);
    &DOCUMENT
}

/// What people read of an operation, and what its signature does not tell.
pub(crate) struct About {
    id: &'static str,
    summary: &'static str,
    detail: &'static str,
    problems: &'static [Code],
}

/// An operation's id, which programs know it by and which never changes, and what it does.
pub(crate) const fn about(id: &'static str, summary: &'static str) -> About {
    About { id, summary, detail: "", problems: &[] }
}

impl About {
    /// More than the summary says.
    pub(crate) const fn detail(self, detail: &'static str) -> Self {
        Self { detail, ..self }
    }

    /// What can go wrong besides what the signature says.
    pub(crate) const fn may(self, problems: &'static [Code]) -> Self {
        Self { problems, ..self }
    }
}

/// The routes of the API, each with its description. It is told when somebody wants the document, and not before.
pub(crate) struct Routes {
    router: Router<App>,
    tags: Vec<(&'static str, &'static str)>,
    mounted: Vec<Mounted>,
}

/// An operation that is mounted.
struct Mounted {
    tag: &'static str,
    method: Method,
    path: &'static str,
    about: About,
    describe: fn(&mut Operation),
}

/// What is described so far.
#[derive(Default)]
struct Described {
    tags: Vec<Value>,
    paths: Map<String, Value>,
    schemas: BTreeMap<String, Value>,
    responses: BTreeMap<String, Value>,
    /// Operations that make something: where, with which answers, and how the thing is named.
    makers: Vec<Maker>,
}

struct Maker {
    path: &'static str,
    method: String,
    parameter: &'static str,
    place: &'static str,
}

impl Routes {
    /// None yet. Those to come are about one thing.
    pub(crate) fn of(tag: &'static str, description: &'static str) -> Self {
        Self { router: Router::new(), tags: vec![(tag, description)], mounted: Vec::new() }
    }

    pub(crate) fn get<H, M, P>(self, path: &'static str, handler: H, about: About) -> Self
    where
        H: Handler<M, App> + Signature<P>,
        M: 'static,
    {
        self.on(MethodFilter::GET, Method::GET, path, handler, about)
    }

    pub(crate) fn post<H, M, P>(self, path: &'static str, handler: H, about: About) -> Self
    where
        H: Handler<M, App> + Signature<P>,
        M: 'static,
    {
        self.on(MethodFilter::POST, Method::POST, path, handler, about)
    }

    pub(crate) fn put<H, M, P>(self, path: &'static str, handler: H, about: About) -> Self
    where
        H: Handler<M, App> + Signature<P>,
        M: 'static,
    {
        self.on(MethodFilter::PUT, Method::PUT, path, handler, about)
    }

    pub(crate) fn patch<H, M, P>(self, path: &'static str, handler: H, about: About) -> Self
    where
        H: Handler<M, App> + Signature<P>,
        M: 'static,
    {
        self.on(MethodFilter::PATCH, Method::PATCH, path, handler, about)
    }

    pub(crate) fn delete<H, M, P>(self, path: &'static str, handler: H, about: About) -> Self
    where
        H: Handler<M, App> + Signature<P>,
        M: 'static,
    {
        self.on(MethodFilter::DELETE, Method::DELETE, path, handler, about)
    }

    fn on<H, M, P>(
        mut self,
        filter: MethodFilter,
        method: Method,
        path: &'static str,
        handler: H,
        about: About,
    ) -> Self
    where
        H: Handler<M, App> + Signature<P>,
        M: 'static,
    {
        let (tag, _) = self.tags[0];
        self.mounted.push(Mounted { tag, method, path, about, describe: H::describe });
        Self { router: self.router.route(path, on(filter, handler)), ..self }
    }

    /// These and those.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.tags.extend(other.tags);
        self.mounted.extend(other.mounted);
        Self { router: self.router.merge(other.router), ..self }
    }

    /// The routes as axum knows them.
    pub(crate) fn into_router(self) -> Router<App> {
        self.router
    }

    /// The document.
    pub(crate) fn document(self) -> Value {
        let mut described = Described::default();
        for (tag, description) in self.tags {
            described.tags.push(json!({"name": tag, "description": description}));
        }
        for mounted in self.mounted {
            described.add(&mounted);
        }
        described.document()
    }
}

/// The same shape, in which what is said of a field that may be null is said of the field, and not of one of the two things it can be.
fn tidied(mut shape: Value) -> Value {
    let parts = shape.get_mut("allOf").and_then(Value::as_array_mut).into_iter().flatten();
    parts.for_each(|part| *part = tidied(part.take()));
    for (_, field) in shape.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        let said = field.pointer_mut("/oneOf/0").and_then(Value::as_object_mut);
        if let Some(said) = said.and_then(|one| one.remove("description")) {
            field["description"] = said;
        }
    }
    shape
}

impl Described {
    fn add(&mut self, mounted: &Mounted) {
        let Mounted { tag, method, path, about, describe } = mounted;
        let mut operation = Operation::new(method, path);
        describe(&mut operation);
        operation.may(about.problems);
        debug_assert!(operation.refuses_unknown_parameters(), "{path}: take a Query or NoQuery");
        for (name, schema) in std::mem::take(&mut operation.schemas) {
            self.schemas.entry(name).or_insert_with(|| tidied(json!(schema)));
        }
        let method = method.as_str().to_ascii_lowercase();
        if let Some((parameter, place)) = operation.makes {
            self.makers.push(Maker { path, method: method.clone(), parameter, place });
        }
        let permission = operation.permission();
        let mut described = json!({"operationId": about.id, "tags": [tag], "summary": about.summary});
        let needs = permission.map(|permission| format!("Needs the permission `{permission}`."));
        let detail = [Some(about.detail.to_owned()).filter(|detail| !detail.is_empty()), needs];
        let detail: Vec<String> = detail.into_iter().flatten().collect();
        if !detail.is_empty() {
            described["description"] = detail.join(" ").into();
        }
        if let (Some(all), Value::Object(told)) =
            (described.as_object_mut(), operation.finish(&mut self.responses))
        {
            all.extend(told);
        }
        let item = self.paths.entry(*path).or_insert_with(|| json!({}));
        item[method] = described;
    }

    /// Whoever makes something is led to everything that can be done with it.
    fn link(&mut self) {
        for Maker { path, method, parameter, place } in std::mem::take(&mut self.makers) {
            let links = self.links(parameter, place);
            let answers = self.paths[path][&method]["responses"].as_object_mut().into_iter().flatten();
            for (_, answer) in answers.filter(|(status, _)| status.starts_with('2')) {
                answer["links"] = links.clone();
            }
        }
    }

    fn links(&self, parameter: &str, place: &str) -> Value {
        let naming = self.paths.iter().filter(|(path, _)| path.contains(&format!("{{{parameter}}}")));
        let operations = naming.flat_map(|(_, item)| item.as_object().into_iter().flatten());
        let link = |(_, operation): (_, &Value)| {
            let id = operation["operationId"].clone();
            let name = id.as_str().unwrap_or_default().to_owned();
            (name, json!({"operationId": id, "parameters": {parameter: format!("$response.body#{place}")}}))
        };
        operations.map(link).collect::<Map<_, _>>().into()
    }

    fn document(mut self) -> Value {
        self.link();
        json!({
            "openapi": "3.1.0",
            "info": shared::info(),
            "servers": [{"url": "/", "description": "The deployment that this document comes from."}],
            "tags": self.tags,
            "paths": self.paths,
            "components": {
                "schemas": shared::with_problem(self.schemas),
                "responses": self.responses,
                "parameters": shared::parameters(),
                "headers": shared::headers(),
                "securitySchemes": shared::security(),
            },
        })
    }
}
