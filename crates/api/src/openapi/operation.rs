//! What the parts of a handler's signature say of its operation.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    Extension,
    extract::{Path, State},
    http::{HeaderMap, Method},
};
use serde_json::{Map, Value, json};
use tenantry_domain::Permission;
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};

use super::values;
use crate::problem::{Code, Problem};

/// A part of a signature: an extractor, or the answer. What it does not say there is not.
pub(crate) trait Describe {
    /// Says it.
    fn describe(operation: &mut Operation);
}

/// A handler, by its signature. `Parts` are the types of its arguments.
pub(crate) trait Signature<Parts> {
    /// Says what all of its parts say.
    fn describe(operation: &mut Operation);
}

macro_rules! signatures {
    ($($($part:ident)*;)+) => {
        $(impl<F, Answering, Answer, $($part),*> Signature<($($part,)*)> for F
        where
            F: Fn($($part),*) -> Answering,
            Answering: Future<Output = Answer>,
            Answer: Describe,
            $($part: Describe,)*
        {
            fn describe(operation: &mut Operation) {
                $($part::describe(operation);)*
                Answer::describe(operation);
            }
        })+
    };
}

signatures! {
    ;
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E G;
    A B C D E G H;
}

impl Describe for HeaderMap {
    fn describe(_: &mut Operation) {}
}

impl<T> Describe for Path<T> {
    fn describe(_: &mut Operation) {}
}

impl<T> Describe for State<T> {
    fn describe(_: &mut Operation) {}
}

impl<T> Describe for Option<Extension<T>> {
    fn describe(_: &mut Operation) {}
}

impl<T: Describe> Describe for Result<T, Problem> {
    fn describe(operation: &mut Operation) {
        T::describe(operation);
    }
}

/// A parameter of a query.
pub(crate) struct Parameter {
    /// Its name.
    pub(crate) name: &'static str,
    description: &'static str,
    is_required: bool,
    schema: fn(&mut Operation) -> Value,
}

impl Parameter {
    /// One whose values have this shape.
    pub(crate) const fn new<T: ToSchema>(name: &'static str, description: &'static str) -> Self {
        Self { name, description, is_required: false, schema: Operation::reference::<T> }
    }

    /// The same, if nothing goes without it.
    pub(crate) const fn required(self) -> Self {
        Self { is_required: true, ..self }
    }
}

/// One operation, as far as its signature has told it.
pub(crate) struct Operation {
    is_write: bool,
    parameters: Vec<Value>,
    body: Option<Value>,
    permission: Option<Permission>,
    is_authenticated: bool,
    minds_query: bool,
    answers: BTreeMap<u16, Value>,
    problems: BTreeSet<Code>,
    /// The shapes that it names.
    pub(super) schemas: Vec<(String, RefOr<Schema>)>,
    /// Which parameter of paths names what it makes, and where the name stands in the answer.
    pub(super) makes: Option<(&'static str, &'static str)>,
}

impl Operation {
    pub(super) fn new(method: &Method, path: &str) -> Self {
        let mut operation = Self {
            is_write: !method.is_safe(),
            parameters: Vec::new(),
            body: None,
            permission: None,
            is_authenticated: false,
            minds_query: false,
            answers: BTreeMap::new(),
            problems: BTreeSet::from([Code::Internal, Code::Unavailable]),
            schemas: Vec::new(),
            makes: None,
        };
        for name in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            operation.path_parameter(name);
        }
        operation
    }

    fn path_parameter(&mut self, name: &str) {
        let (schema, description) = match name {
            "org" => (self.slug_or_id(), "The organization: its slug or its id."),
            "user" => (self.reference::<values::UserId>(), "The user."),
            "api_key" => (self.reference::<values::ApiKeyId>(), "The API key."),
            "workflow" => (
                self.reference::<values::WorkflowName>(),
                "The workflow: the `document.name` of its definition.",
            ),
            "revision" => (self.reference::<values::Revision>(), "Which revision of the workflow."),
            "execution" => (self.reference::<values::ExecutionId>(), "The execution."),
            "schedule" => (self.reference::<values::ScheduleId>(), "The schedule."),
            other => unreachable!("say here what {{{other}}} names"),
        };
        self.parameters.push(json!({
            "name": name, "in": "path", "required": true, "description": description, "schema": schema,
        }));
    }

    fn slug_or_id(&mut self) -> Value {
        let (slug, id) = (self.reference::<values::Slug>(), self.reference::<values::OrganizationId>());
        json!({"anyOf": [slug, id], "examples": ["acme"]})
    }

    /// A shape by its name.
    pub(crate) fn reference<T: ToSchema>(&mut self) -> Value {
        let name = T::name().into_owned();
        let path = format!("#/components/schemas/{name}");
        self.schemas.push((name, T::schema()));
        T::schemas(&mut self.schemas);
        json!({"$ref": path})
    }

    /// It asks who calls, and whether they may.
    pub(crate) fn wants(&mut self, permission: Option<Permission>) {
        self.is_authenticated = true;
        self.permission = permission;
        self.parameters.push(json!({"$ref": "#/components/parameters/Tenantry-Organization"}));
        self.may(&[
            Code::Unauthenticated,
            Code::Forbidden,
            Code::OrganizationSuspended,
            Code::NotFound,
            Code::RateLimited,
        ]);
        if self.is_write {
            self.parameters.push(json!({"$ref": "#/components/parameters/Idempotency-Key"}));
            self.may(&[Code::Conflict, Code::Invalid]);
        }
    }

    /// These can be what goes wrong.
    pub(crate) fn may(&mut self, codes: &[Code]) {
        self.problems.extend(codes);
    }

    /// It minds `If-Match`.
    pub(crate) fn minds_if_match(&mut self) {
        self.parameters.push(json!({"$ref": "#/components/parameters/If-Match"}));
        self.may(&[Code::PreconditionFailed]);
    }

    /// It minds `Last-Event-ID`.
    pub(crate) fn resumes(&mut self) {
        self.parameters.push(json!({"$ref": "#/components/parameters/Last-Event-ID"}));
    }

    /// It minds `If-None-Match`.
    pub(crate) fn minds_if_none_match(&mut self) {
        self.parameters.push(json!({"$ref": "#/components/parameters/If-None-Match"}));
    }

    /// It takes these parameters in its query, and no others.
    pub(crate) fn takes(&mut self, parameters: &[Parameter]) {
        self.minds_query = true;
        for Parameter { name, description, is_required, schema } in parameters {
            let schema = schema(self);
            self.parameters.push(json!({
                "name": name, "in": "query", "required": is_required, "description": description, "schema": schema,
            }));
        }
        self.may(&[Code::Invalid]);
    }

    /// It takes a body of these types.
    pub(crate) fn reads(&mut self, is_required: bool, content: &Value) {
        self.body = Some(json!({"required": is_required, "content": content}));
        self.may(&[Code::Malformed, Code::Invalid, Code::PayloadTooLarge, Code::UnsupportedMediaType]);
    }

    /// It answers so, if all is well.
    pub(crate) fn answers(
        &mut self,
        status: u16,
        description: &str,
        headers: &[&str],
        content: Option<Value>,
    ) {
        let mut answer = json!({"description": description, "headers": self.headers(headers)});
        if let Some(content) = content {
            answer["content"] = content;
        }
        self.answers.insert(status, answer);
    }

    /// It answers so with one thing in the envelope.
    pub(crate) fn answers_with<T: ToSchema>(&mut self, status: u16, description: &str, headers: &[&str]) {
        let data = self.reference::<T>();
        let envelope = json!({"type": "object", "required": ["data"], "properties": {"data": data}});
        self.answers(status, description, headers, Some(json!({"application/json": {"schema": envelope}})));
    }

    fn headers(&self, own: &[&str]) -> Value {
        let limits: &[_] = if self.is_authenticated { &["RateLimit", "RateLimit-Policy"] } else { &[] };
        let replayed: &[_] =
            if self.is_authenticated && self.is_write { &["Idempotency-Replayed"] } else { &[] };
        let all = ["X-Request-Id"].iter().chain(own).chain(limits).chain(replayed);
        all.map(|name| ((*name).to_owned(), json!({"$ref": format!("#/components/headers/{name}")})))
            .collect::<Map<_, _>>()
            .into()
    }

    /// Whether unknown parameters are refused, or nobody minds.
    pub(super) fn refuses_unknown_parameters(&self) -> bool {
        self.minds_query || !self.is_authenticated
    }

    pub(super) fn permission(&self) -> Option<Permission> {
        self.permission
    }

    /// It makes something, which this parameter of paths names, and the answer says the name at this place.
    pub(crate) fn makes(&mut self, parameter: &'static str, place: &'static str) {
        self.makes = Some((parameter, place));
    }

    /// All that was told, in OpenAPI's form. Answers that are errors are named: each set of them stands in the document once.
    pub(super) fn finish(self, problems: &mut BTreeMap<String, Value>) -> Value {
        let mut told = json!({ "parameters": self.parameters });
        told["parameters"]
            .as_array_mut()
            .into_iter()
            .for_each(|all| all.push(json!({"$ref": "#/components/parameters/X-Request-Id"})));
        if let Some(body) = self.body {
            told["requestBody"] = body;
        }
        let mut answers: Map<String, Value> =
            self.answers.into_iter().map(|(status, answer)| (status.to_string(), answer)).collect();
        let mut by_status = BTreeMap::<u16, Vec<Code>>::new();
        for code in self.problems {
            by_status.entry(code.status().as_u16()).or_default().push(code);
        }
        for (status, codes) in by_status {
            let (name, answer) = super::problems::answer(&codes);
            answers.insert(status.to_string(), json!({"$ref": format!("#/components/responses/{name}")}));
            problems.insert(name, answer);
        }
        told["responses"] = answers.into();
        if self.is_authenticated {
            let permission = self.permission.map(Permission::as_str);
            told["security"] = json!([{"api_key": permission.into_iter().collect::<Vec<_>>()}]);
        } else {
            told["security"] = json!([]);
        }
        told
    }
}
