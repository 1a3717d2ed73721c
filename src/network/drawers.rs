//! A list that grows by the drawer: what is in it never moves. A `Vec` of half a million texts moves all of them when it
//! has no room for one more, and every text that is on its way waits for that.

use std::ops::{Index, IndexMut};

/// So many items are in a drawer.
const ROOM: usize = 4096;

pub struct Drawers<T>(Vec<Vec<T>>);

impl<T> Default for Drawers<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Drawers<T> {
    pub fn len(&self) -> usize {
        self.0.last().map_or(0, |last| (self.0.len() - 1) * ROOM + last.len())
    }

    pub fn push(&mut self, item: T) {
        match self.0.last_mut() {
            Some(last) if last.len() < ROOM => last.push(item),
            _ => {
                let mut drawer = Vec::with_capacity(ROOM);
                drawer.push(item);
                self.0.push(drawer);
            }
        }
    }
}

impl<T> Index<usize> for Drawers<T> {
    type Output = T;

    fn index(&self, place: usize) -> &T {
        &self.0[place / ROOM][place % ROOM]
    }
}

impl<T> IndexMut<usize> for Drawers<T> {
    fn index_mut(&mut self, place: usize) -> &mut T {
        &mut self.0[place / ROOM][place % ROOM]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_stays_at_its_place() {
        let mut drawers = Drawers::default();
        assert_eq!(drawers.len(), 0);
        for item in 0..=(2 * ROOM) {
            drawers.push(item);
            assert_eq!(drawers.len(), item + 1);
        }
        drawers[ROOM] += 1;
        let all: Vec<usize> = (0..drawers.len()).map(|place| drawers[place]).collect();
        let expected: Vec<usize> = (0..=2 * ROOM).map(|item| item + usize::from(item == ROOM)).collect();
        assert_eq!(all, expected);
    }
}
