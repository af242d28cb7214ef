//! How a client is a member of a group.

use super::truth::Place;

/// Where a member stands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Standing {
    #[default]
    Out,
    /// It has asked, and waits for the answer.
    Waits,
    /// It has joined; the leader has the others' names.
    Joined {
        others: Option<Vec<String>>,
    },
    Stable,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Membership {
    pub group: String,
    pub id: String,
    pub generation: i32,
    pub standing: Standing,
    pub owned: Vec<Place>,
}

impl Membership {
    pub fn new(number: u64) -> Self {
        Self { group: format!("g{}", number % 2), generation: -1, ..Self::default() }
    }

    /// It has to join again.
    pub fn rejoin(&mut self, forgets_itself: bool) {
        if forgets_itself {
            self.id.clear();
        }
        self.standing = Standing::Out;
        self.owned.clear();
    }
}

/// Partitions as text, and back.
pub fn write_places(places: &[Place]) -> String {
    places.iter().map(|(topic, partition)| format!("{topic}:{partition} ")).collect()
}

pub fn read_places(text: &str) -> Vec<Place> {
    let place = |word: &str| {
        let (topic, partition) = word.split_once(':')?;
        Some((topic.to_owned(), partition.parse().ok()?))
    };
    text.split_whitespace().filter_map(place).collect()
}
