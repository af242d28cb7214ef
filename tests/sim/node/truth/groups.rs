//! What is known of groups: who was given which partition, and what was committed.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::Place;

/// Offsets that were committed for one partition of a group: each higher than the one before.
#[derive(Debug, Default)]
struct Committed {
    asked: i64,
    confirmed: i64,
    /// Commits whose answers never came: they may be in force, and late.
    lost: BTreeSet<i64>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Groups {
    /// By group and generation: what each member was given.
    owners: BTreeMap<(String, i32), BTreeMap<Place, String>>,
    committed: BTreeMap<(String, Place), Committed>,
}

impl Groups {
    /// A member was given these partitions in a generation.
    pub fn assigned(&mut self, group: &str, generation: i32, member: &str, places: &[Place]) {
        let owners = self.owners.entry((group.to_owned(), generation)).or_default();
        for place in places {
            let owner = owners.entry(place.clone()).or_insert_with(|| member.to_owned());
            assert_eq!(
                owner, member,
                "groups: {place:?} has two owners in generation {generation} of {group}"
            );
        }
    }

    /// The next offset to commit.
    pub fn next(&mut self, group: &str, place: &Place) -> i64 {
        let committed = self.committed.entry((group.to_owned(), place.clone())).or_default();
        committed.asked += 1;
        committed.asked
    }

    pub fn confirmed(&mut self, group: &str, place: &Place, offset: i64) {
        let committed = self.committed.entry((group.to_owned(), place.clone())).or_default();
        committed.confirmed = committed.confirmed.max(offset);
    }

    pub fn lost(&mut self, group: &str, place: &Place, offset: i64) {
        let committed = self.committed.entry((group.to_owned(), place.clone())).or_default();
        committed.lost.insert(offset);
    }

    /// What was confirmed when the commits of a group were asked for.
    pub fn floor(&self, group: &str) -> BTreeMap<Place, i64> {
        let of_it = self.committed.iter().filter(|((other, _), _)| other == group);
        let floor = of_it.map(|((_, place), committed)| (place.clone(), committed.confirmed));
        floor.filter(|(_, confirmed)| *confirmed > 0).collect()
    }

    /// An answer told what is committed; `None`: nothing.
    pub fn saw(&self, group: &str, place: &Place, floor: i64, offset: Option<i64>) {
        let committed = &self.committed[&(group.to_owned(), place.clone())];
        let offset = offset.unwrap_or(0);
        assert!(
            (floor..=committed.asked).contains(&offset) || committed.lost.contains(&offset),
            "groups: {group} stands at {offset} of {place:?}, at {floor} before: {committed:?}"
        );
    }
}
