//! Which thing in the files is which of an organization's.
//!
//! Users are told apart by their addresses, service accounts by their names. A schedule has neither, and its id is another in each
//! organization: one in a file is the one that is most like it, as long as there can be no doubt.

use serde_json::Value;

use super::{Entry, Thing, state::Remote, users};

/// Pairs under construction.
pub(crate) struct Pairing<'p> {
    ours: &'p [Entry],
    theirs: &'p [Remote],
    /// For each of ours, which of theirs it is.
    mates: Vec<Option<usize>>,
    taken: Vec<bool>,
}

impl<'p> Pairing<'p> {
    /// Users.
    pub(crate) fn of_users(ours: &'p [Entry], theirs: &'p [Remote]) -> Self {
        Self::new(ours, theirs)
            .each(|one, other| one.thing == other.thing)
            .each(|one, other| users::identity(&one.thing) == users::identity(&other.thing))
    }

    /// Schedules.
    pub(crate) fn of_schedules(ours: &'p [Entry], theirs: &'p [Remote]) -> Self {
        let same_workflow =
            |one: &Entry, other: &Remote| one.thing.get("workflow") == other.thing.get("workflow");
        Self::new(ours, theirs)
            .each(|one, other| one.id.as_deref() == Some(&other.id) && same_workflow(one, other))
            .each(|one, other| one.thing == other.thing)
            .only(&["workflow", "spec", "input"])
            .only(&["workflow", "spec"])
            .only(&["workflow", "input"])
            .only(&["workflow"])
    }

    fn new(ours: &'p [Entry], theirs: &'p [Remote]) -> Self {
        Self { ours, theirs, mates: vec![None; ours.len()], taken: vec![false; theirs.len()] }
    }

    /// Pairs each with the first that is the same by this rule.
    fn each(mut self, same: impl Fn(&Entry, &Remote) -> bool) -> Self {
        for (index, one) in self.ours.iter().enumerate() {
            if self.mates[index].is_none() {
                let mut free = (0..self.theirs.len()).filter(|&other| !self.taken[other]);
                let mate = free.find(|&other| same(one, &self.theirs[other]));
                self.pair(index, mate);
            }
        }
        self
    }

    /// Pairs those that are equal in these fields, where there is only one of them on either side.
    fn only(mut self, fields: &[&str]) -> Self {
        let key = |thing: &'p Thing| -> Vec<Option<&'p Value>> {
            fields.iter().map(|field| thing.get(*field)).collect()
        };
        let wanted: Vec<_> = self.unpaired().map(|(index, one)| (index, key(&one.thing))).collect();
        let free: Vec<_> = self.unclaimed().map(|(index, other)| (index, key(&other.thing))).collect();
        for (index, key) in &wanted {
            let mut alike = free.iter().filter(|(_, other)| other == key);
            let alone = wanted.iter().filter(|(_, other)| other == key).count() == 1;
            if let (true, Some((mate, _)), None) = (alone, alike.next(), alike.next()) {
                self.pair(*index, Some(*mate));
            }
        }
        self
    }

    fn pair(&mut self, index: usize, mate: Option<usize>) {
        self.mates[index] = mate;
        if let Some(mate) = mate {
            self.taken[mate] = true;
        }
    }

    /// Each in the files, with the organization's that it is.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&'p Entry, Option<&'p Remote>)> {
        self.ours.iter().zip(&self.mates).map(|(one, mate)| (one, mate.map(|mate| &self.theirs[mate])))
    }

    /// Those in the files that the organization does not have.
    fn unpaired(&self) -> impl Iterator<Item = (usize, &'p Entry)> {
        let unpaired = self.ours.iter().enumerate().zip(&self.mates).filter(|(_, mate)| mate.is_none());
        unpaired.map(|(one, _)| one)
    }

    /// The organization's that are not in the files.
    pub(crate) fn unclaimed(&self) -> impl Iterator<Item = (usize, &'p Remote)> {
        let unclaimed = self.theirs.iter().enumerate().zip(&self.taken).filter(|(_, taken)| !**taken);
        unclaimed.map(|(other, _)| other)
    }

    /// The files of which it cannot be told whether they are new, with the ids of those that they may be.
    pub(crate) fn doubts(&self) -> Vec<(&'p Entry, Vec<&'p str>)> {
        let doubt = |(_, one): (usize, &'p Entry)| {
            let alike = self
                .unclaimed()
                .filter(|(_, other)| other.thing.get("workflow") == one.thing.get("workflow"));
            let ids: Vec<_> = alike.map(|(_, other)| other.id.as_str()).collect();
            (!ids.is_empty()).then_some((one, ids))
        };
        self.unpaired().filter_map(doubt).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::slice;

    use serde_json::json;

    use super::*;

    fn schedule(workflow: &str, minutes: u32, input: u32) -> Thing {
        let thing = json!({"workflow": workflow, "spec": {"every_seconds": minutes * 60}, "input": input});
        thing.as_object().expect("an object").clone()
    }

    fn ours(things: &[Thing]) -> Vec<Entry> {
        let entry = |(index, thing): (usize, &Thing)| Entry {
            thing: thing.clone(),
            file: index.to_string(),
            id: None,
        };
        things.iter().enumerate().map(entry).collect()
    }

    fn theirs(things: &[Thing]) -> Vec<Remote> {
        let remote =
            |(index, thing): (usize, &Thing)| Remote { id: format!("sch_{index}"), thing: thing.clone() };
        things.iter().enumerate().map(remote).collect()
    }

    /// The ids that the files are paired with, and how many are in doubt.
    fn paired(ours: &[Entry], theirs: &[Remote]) -> (Vec<Option<String>>, usize) {
        let pairing = Pairing::of_schedules(ours, theirs);
        let ids = pairing.pairs().map(|(_, mate)| mate.map(|mate| mate.id.clone()));
        (ids.collect(), pairing.doubts().len())
    }

    fn check(files: &[Thing], there: &[Thing], expected: &[Option<usize>], doubts: usize) {
        let expected = expected.iter().map(|index| index.map(|index| format!("sch_{index}"))).collect();
        assert_eq!(paired(&ours(files), &theirs(there)), (expected, doubts), "{files:?} {there:?}");
    }

    #[test]
    fn should_know_a_schedule_by_what_it_is_like() {
        let (nightly, hourly) = (schedule("quote", 1440, 1), schedule("quote", 60, 2));
        // Whatever the order, and as many of the same as there are.
        check(&[hourly.clone(), nightly.clone()], &[nightly.clone(), hourly.clone()], &[Some(1), Some(0)], 0);
        check(&[hourly.clone(), hourly.clone()], slice::from_ref(&hourly), &[Some(0), None], 0);
        // One that has changed in one thing or another.
        check(
            &[schedule("quote", 90, 2), nightly.clone()],
            &[nightly.clone(), hourly.clone()],
            &[Some(1), Some(0)],
            0,
        );
        check(
            &[schedule("quote", 60, 9), nightly.clone()],
            &[nightly.clone(), hourly.clone()],
            &[Some(1), Some(0)],
            0,
        );
        check(
            &[schedule("quote", 90, 9), nightly.clone()],
            &[nightly.clone(), hourly.clone()],
            &[Some(1), Some(0)],
            0,
        );
        // Both at once, each known by its input.
        check(
            &[schedule("quote", 90, 2), schedule("quote", 91, 1)],
            &[nightly.clone(), hourly.clone()],
            &[Some(1), Some(0)],
            0,
        );
        // Another workflow's is never meant.
        check(&[schedule("other", 60, 2)], slice::from_ref(&hourly), &[None], 0);
        check(slice::from_ref(&hourly), &[], &[None], 0);
    }

    #[test]
    fn should_not_guess() {
        let (nightly, hourly) = (schedule("quote", 1440, 1), schedule("quote", 60, 1));
        check(&[schedule("quote", 90, 9)], &[nightly.clone(), hourly.clone()], &[None], 1);
        check(
            &[schedule("quote", 90, 9), schedule("quote", 91, 9)],
            slice::from_ref(&nightly),
            &[None, None],
            2,
        );
        let mut told = ours(&[schedule("quote", 90, 9)]);
        told[0].id = Some("sch_1".to_owned());
        assert_eq!(paired(&told, &theirs(&[nightly, hourly])), (vec![Some("sch_1".to_owned())], 0));
    }

    #[test]
    fn should_know_users_by_address_and_programs_by_name() {
        let user = |email: Option<&str>, name: &str, role: &str| {
            let mut thing = json!({"name": name, "role": role}).as_object().expect("an object").clone();
            if let Some(email) = email {
                thing.insert("email".to_owned(), email.into());
            }
            thing
        };
        let files =
            [user(Some("a@x"), "Ada B", "manager"), user(None, "bot", "worker"), user(None, "Ada", "worker")];
        let there = [
            user(None, "bot", "customer"),
            user(Some("a@x"), "Ada", "customer"),
            user(None, "bot", "worker"),
        ];
        let (files, there) = (ours(&files), theirs(&there));
        let pairing = Pairing::of_users(&files, &there);
        let ids: Vec<_> = pairing.pairs().map(|(_, mate)| mate.map(|mate| mate.id.as_str())).collect();
        assert_eq!(ids, [Some("sch_1"), Some("sch_2"), None]);
        assert_eq!(pairing.unclaimed().map(|(index, _)| index).collect::<Vec<_>>(), [0]);
    }
}
