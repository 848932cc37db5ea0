//! A definition as a flowchart: a node for each task, an edge for each way on.

use std::fmt::Write as _;

use serde_json::Value;

use super::label::quoted;

/// What sets the types of tasks apart, in the order in which they are looked for: others have a `do`, too.
const TYPES: &[&str] =
    &["call", "set", "switch", "wait", "emit", "for", "fork", "listen", "raise", "run", "try", "do"];
/// The nodes where it begins and ends.
const START: &str = "start";
const STOP: &str = "stop";

/// The flowchart of a definition.
///
/// # Errors
/// A sentence, if it is none that tasks can be found in.
pub(super) fn draw(definition: &Value) -> Result<String, String> {
    let document = &definition["document"];
    let title = match (document["name"].as_str(), document["version"].as_str()) {
        (Some(name), Some(version)) => format!("{name} {version}"),
        (name, _) => name.unwrap_or("a workflow").to_owned(),
    };
    let mut chart = Chart::default();
    chart.line(0, "flowchart TD");
    chart.line(1, &format!("{START}([{}])", quoted(&[title])));
    let root = chart.list(&definition["do"], "/do", 1)?;
    chart.line(1, &format!("{STOP}([{}])", quoted(&["end".to_owned()])));
    chart.edge(START, &root.entry(STOP), None);
    chart.follow(&root, STOP)?;
    Ok(chart.nodes + &chart.edges)
}

/// The lines so far. Edges come last, so that each node stands in the frame of its list.
#[derive(Default)]
struct Chart {
    nodes: String,
    edges: String,
    count: usize,
}

/// A list of tasks, drawn but not connected.
struct List<'a> {
    path: String,
    tasks: Vec<Task<'a>>,
}

struct Task<'a> {
    node: String,
    name: &'a str,
    body: &'a Value,
    /// Its own tasks.
    inner: Option<List<'a>>,
}

impl List<'_> {
    /// The node that comes first, or what comes after a list without tasks.
    fn entry(&self, after: &str) -> String {
        self.tasks.first().map_or_else(|| after.to_owned(), |task| task.node.clone())
    }

    /// The node that follows a task, or what comes after the list.
    fn next(&self, index: usize, after: &str) -> String {
        self.tasks.get(index + 1).map_or_else(|| after.to_owned(), |task| task.node.clone())
    }

    /// Where a flow directive of a task leads.
    fn target(&self, index: usize, then: &Value, after: &str) -> Result<String, String> {
        match then.as_str() {
            None | Some("continue") => Ok(self.next(index, after)),
            Some("exit") => Ok(after.to_owned()),
            Some("end") => Ok(STOP.to_owned()),
            Some(name) => {
                let named = self.tasks.iter().find(|task| task.name == name);
                let from = self.tasks[index].name;
                named.map(|task| task.node.clone()).ok_or_else(|| {
                    format!("{from} goes on with {name}, and there is no such task in {}", self.path)
                })
            }
        }
    }
}

impl Chart {
    fn line(&mut self, depth: usize, text: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.nodes, "{:1$}{text}", "", depth * 4);
    }

    fn edge(&mut self, from: &str, to: &str, label: Option<&[String]>) {
        let label = label.map(|lines| format!("|{}|", quoted(lines))).unwrap_or_default();
        let _ = writeln!(self.edges, "    {from} -->{label} {to}");
    }

    /// Draws the nodes of a list.
    fn list<'a>(&mut self, list: &'a Value, path: &str, depth: usize) -> Result<List<'a>, String> {
        let items = list.as_array().ok_or_else(|| format!("{path} is no list of tasks"))?;
        let mut tasks = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let only = item.as_object().filter(|item| item.len() == 1).and_then(|item| item.iter().next());
            let (name, body) = only.ok_or_else(|| format!("{path}/{index} is no task with one name"))?;
            tasks.push(self.task(name, body, &format!("{path}/{index}/{name}"), depth)?);
        }
        Ok(List { path: path.to_owned(), tasks })
    }

    fn task<'a>(
        &mut self,
        name: &'a str,
        body: &'a Value,
        path: &str,
        depth: usize,
    ) -> Result<Task<'a>, String> {
        let kind = TYPES.iter().copied().find(|kind| body.get(kind).is_some());
        let kind = kind.ok_or_else(|| format!("{path} does not say what it does"))?;
        let node = format!("t{}", self.count);
        self.count += 1;
        let label = quoted(&lines(name, kind, body));
        let shape = match kind {
            "switch" => format!("{node}{{{label}}}"),
            "wait" => format!("{node}({label})"),
            "call" => format!("{node}[/{label}/]"),
            "do" => format!("{node}[[{label}]]"),
            _ => format!("{node}[{label}]"),
        };
        self.line(depth, &shape);
        let inner = (kind == "do").then(|| self.inner(name, &node, &body["do"], path, depth)).transpose()?;
        Ok(Task { node, name, body, inner })
    }

    /// Draws the nodes of a task's own list in a frame.
    fn inner<'a>(
        &mut self,
        name: &str,
        node: &str,
        list: &'a Value,
        path: &str,
        depth: usize,
    ) -> Result<List<'a>, String> {
        self.line(depth, &format!("subgraph in_{node} [{}]", quoted(&[name.to_owned()])));
        let inner = self.list(list, &format!("{path}/do"), depth + 1)?;
        self.line(depth, "end");
        Ok(inner)
    }

    /// Connects the tasks of a list, after which comes `after`.
    fn follow(&mut self, list: &List<'_>, after: &str) -> Result<(), String> {
        for (index, task) in list.tasks.iter().enumerate() {
            let then = &task.body["then"];
            let target = list.target(index, then, after)?;
            if task.body.get("if").is_some() && target != list.next(index, after) {
                self.edge(&task.node, &list.next(index, after), Some(&["skipped".to_owned()]));
            }
            match (&task.inner, task.body["switch"].as_array()) {
                (Some(inner), _) => {
                    self.edge(&task.node, &inner.entry(&target), None);
                    self.follow(inner, &target)?;
                }
                (None, Some(cases)) => self.cases(list, index, cases, (&target, after))?,
                (None, None) => self.edge(&task.node, &target, None),
            }
        }
        Ok(())
    }

    fn cases(
        &mut self,
        list: &List<'_>,
        index: usize,
        cases: &[Value],
        (otherwise, after): (&str, &str),
    ) -> Result<(), String> {
        let node = &list.tasks[index].node;
        let mut is_complete = false;
        for (name, case) in cases.iter().filter_map(Value::as_object).flatten() {
            is_complete |= case.get("when").is_none();
            let condition = case.get("when").map(text);
            let label: Vec<_> = std::iter::once(name.clone()).chain(condition).collect();
            self.edge(node, &list.target(index, &case["then"], after)?, Some(&label));
        }
        if !is_complete {
            self.edge(node, otherwise, Some(&["no case".to_owned()]));
        }
        Ok(())
    }
}

/// What there is to say of a task.
fn lines(name: &str, kind: &str, body: &Value) -> Vec<String> {
    let what = &body[kind];
    let detail = match kind {
        "call" => Some(call(what, &body["with"])),
        "wait" => Some(duration(what)),
        "set" => what.as_object().map(|members| members.keys().cloned().collect::<Vec<_>>().join(", ")),
        _ => None,
    };
    let summary = detail.map_or_else(|| kind.to_owned(), |detail| format!("{kind} {detail}"));
    let condition = body.get("if").map(|condition| format!("if {}", text(condition)));
    std::iter::once(name.to_owned()).chain([summary]).chain(condition).collect()
}

fn call(what: &Value, with: &Value) -> String {
    let endpoint = with["endpoint"].get("uri").unwrap_or(&with["endpoint"]);
    let said = [what, &with["method"], endpoint].into_iter().filter(|said| !said.is_null());
    said.map(text).collect::<Vec<_>>().join(" ")
}

/// `{minutes: 1, seconds: 30}` as `1 minutes 30 seconds`, and text as it is.
fn duration(wait: &Value) -> String {
    let Some(units) = wait.as_object() else { return text(wait) };
    units.iter().map(|(unit, count)| format!("{} {unit}", text(count))).collect::<Vec<_>>().join(" ")
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use tenantry_dsl::read_value;

    use super::*;

    fn drawn(text: &str) -> Result<String, String> {
        draw(&read_value(text).expect("YAML"))
    }

    #[test]
    fn should_draw_every_way_through_a_definition() {
        let text = r#"
            document: {name: order, version: '1.0.0'}
            do:
              - ask: {call: http, with: {method: get, endpoint: {uri: 'https://shop.example/{item}'}}, if: '${ .ask }', then: decide}
              - prepare:
                  do:
                    - look: {set: {a: 1, b: 2}, then: exit}
                    - nothing: {do: []}
                    - stop-here: {set: '${ . }', then: end}
                  then: rest
              - decide:
                  switch:
                    - large: {when: '.amount > 10 and .name != "x"', then: prepare}
                    - small: {when: .amount < 2, then: exit}
              - rest: {wait: {minutes: 1, seconds: 30}}
              - again: {switch: [{any: {then: ask}}]}
              - later: {for: {each: item, in: .items}, do: []}
              - last: {wait: PT1S, then: continue}
        "#;
        assert_snapshot!(drawn(text).expect("a chart"));
    }

    #[test]
    fn should_draw_a_definition_without_tasks() {
        let expected = "flowchart TD\n    start([\"a 1.0.0\"])\n    stop([\"end\"])\n    start --> stop\n";
        assert_eq!(drawn("{document: {name: a, version: 1.0.0}, do: []}").as_deref(), Ok(expected));
    }

    #[test]
    fn should_say_why_something_cannot_be_drawn() {
        let check = |text, why: &str| assert_eq!(drawn(text), Err(why.to_owned()), "{text}");
        check("just text", "/do is no list of tasks");
        check("do: [{a: {set: {}}, b: {}}]", "/do/0 is no task with one name");
        check("do: [{a: {metadata: {}}}]", "/do/0/a does not say what it does");
        check("do: [{a: {do: 3}}]", "/do/0/a/do is no list of tasks");
        check("do: [{a: {set: {}, then: b}}]", "a goes on with b, and there is no such task in /do");
    }
}
