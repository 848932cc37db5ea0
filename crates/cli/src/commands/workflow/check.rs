//! What the server says of definitions before anything of them is uploaded.

use std::time::Duration;

use tenantry_client::{Defect, Error};
use tokio::time::sleep;

use super::{definition::Definition, documents::Documents};
use crate::{connection::Session, failure::Failure, output::note};

/// How long the server may ask to wait, so that nobody takes it for a command that hangs.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What is wrong with some definitions of many.
#[derive(Debug, Default)]
pub(super) struct Findings<'a> {
    /// Each definition that has something wrong, with that.
    wrong: Vec<(&'a Definition, Vec<Defect>)>,
    asked: usize,
}

impl<'a> Findings<'a> {
    /// Has the server judge all of them.
    pub(super) async fn of(session: &Session, documents: &'a Documents) -> Result<Self, Failure> {
        let mut findings = Self::default();
        for definition in &documents.definitions {
            findings.add(definition, defects(session, definition).await?);
        }
        Ok(findings)
    }

    /// What is wrong with one.
    pub(super) fn of_one(definition: &'a Definition, defects: Vec<Defect>) -> Self {
        let mut findings = Self::default();
        findings.add(definition, defects);
        findings
    }

    fn add(&mut self, definition: &'a Definition, defects: Vec<Defect>) {
        self.asked += 1;
        if !defects.is_empty() {
            self.wrong.push((definition, defects));
        }
    }

    /// Everything that is wrong, each with its definition.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'a Definition, &Defect)> {
        self.wrong.iter().flat_map(|(definition, defects)| defects.iter().map(|defect| (*definition, defect)))
    }

    /// Goes on if nothing is wrong; otherwise shows it as a compiler does, with how much it is at the end.
    pub(super) fn settle(&self) -> Result<(), Failure> {
        let count = self.all().count();
        self.all().for_each(|(definition, defect)| note(&definition.diagnostic(defect)));
        let problems = if count == 1 { "a problem".to_owned() } else { format!("{count} problems") };
        match &self.wrong[..] {
            [] => Ok(()),
            [(definition, _)] => Err(Failure::invalid(format!("{} has {problems}", definition.place))),
            wrong => {
                let (wrong, asked) = (wrong.len(), self.asked);
                Err(Failure::invalid(format!("{wrong} of {asked} definitions have {problems}")))
            }
        }
    }
}

/// What the server finds wrong with a definition.
pub(super) async fn defects(session: &Session, definition: &Definition) -> Result<Vec<Defect>, Failure> {
    let asked = patiently(|| session.client.workflows().validate(definition.source()).send()).await;
    asked.map_err(|error| failed(definition, error))
}

/// Makes a call again while the server asks to wait for a moment: many definitions are many calls.
pub(super) async fn patiently<T, C>(call: impl Fn() -> C) -> Result<T, Error>
where
    C: Future<Output = Result<T, Error>>,
{
    loop {
        let answer = call().await;
        let wait = match &answer {
            Err(Error::Api(problem)) if problem.code == "rate_limited" => problem.retry_after,
            _ => None,
        };
        match wait.filter(|wait| *wait <= LONGEST_WAIT) {
            Some(wait) => sleep(wait).await,
            None => return answer,
        }
    }
}

/// A failure of a call for a definition, which says for which.
pub(super) fn failed(definition: &Definition, error: Error) -> Failure {
    Failure::from(error).with_details([format!("  of {}", definition.place)])
}
