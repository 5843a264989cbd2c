//! Rows and codes are 32 bits wide; this is the one place where they become places in a vector.

/// A row or code as a place.
pub(crate) fn at(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// A place as a row or code. A side refuses more rows than fit long before this could be wrong.
pub(crate) fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// Rows by key: those of key `k` stand together, in the order in which they were given.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    ends: Vec<u32>,
    rows: Vec<u32>,
}

impl Buckets {
    /// Sorts `(key, row)` by key in two walks over the same pairs, without comparing anything.
    pub(crate) fn new(keys: usize, each: impl Fn(&mut dyn FnMut(u32, u32))) -> Self {
        let mut ends = vec![0_u32; keys + 1];
        each(&mut |key, _| ends[at(key) + 1] += 1);
        let mut sum = 0;
        for end in &mut ends {
            sum += *end;
            *end = sum;
        }
        let mut rows = vec![0_u32; at(sum)];
        // While rows are put down, a key's entry is where its next row goes; afterwards it has moved on to
        // where the key ends.
        each(&mut |key, row| {
            let next = &mut ends[at(key)];
            rows[at(*next)] = row;
            *next += 1;
        });
        Self { ends, rows }
    }

    /// The rows of a key.
    pub(crate) fn of(&self, key: u32) -> &[u32] {
        let key = at(key);
        let start = key.checked_sub(1).map_or(0, |before| at(self.ends[before]));
        &self.rows[start..at(self.ends[key])]
    }

    /// How many keys there are.
    pub(crate) fn keys(&self) -> u32 {
        number(self.ends.len().saturating_sub(1))
    }

    /// How many rows stand under keys below this one.
    pub(crate) fn before(&self, key: u32) -> u32 {
        at(key).checked_sub(1).map_or(0, |last| self.ends[last])
    }
}

/// Sets that grow together: the representative of each is its smallest member.
#[derive(Debug)]
pub(crate) struct Unions(Vec<u32>);

impl Unions {
    pub(crate) fn new(members: usize) -> Self {
        Self((0..number(members)).collect())
    }

    pub(crate) fn find(&mut self, member: u32) -> u32 {
        let mut root = member;
        while self.0[at(root)] != root {
            let up = self.0[at(root)];
            self.0[at(root)] = self.0[at(up)];
            root = up;
        }
        root
    }

    /// The representative, without shortening the way to it.
    pub(crate) fn root(&self, member: u32) -> u32 {
        let mut root = member;
        while self.0[at(root)] != root {
            root = self.0[at(root)];
        }
        root
    }

    pub(crate) fn join(&mut self, one: u32, other: u32) {
        let (one, other) = (self.find(one), self.find(other));
        let (low, high) = (one.min(other), one.max(other));
        self.0[at(high)] = low;
    }
}

/// One bit for each row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    /// A set that has room for rows below `rows`, and has none of them.
    pub(crate) fn none(rows: usize) -> Self {
        Self(vec![0; rows.div_ceil(64)])
    }

    pub(crate) fn has(&self, row: u32) -> bool {
        let word = self.0.get(at(row / 64)).copied().unwrap_or(0);
        word >> (row % 64) & 1 == 1
    }

    pub(crate) fn add(&mut self, row: u32) {
        let place = at(row / 64);
        if place >= self.0.len() {
            self.0.resize(place + 1, 0);
        }
        self.0[place] |= 1 << (row % 64);
    }

    pub(crate) fn remove(&mut self, row: u32) {
        if let Some(word) = self.0.get_mut(at(row / 64)) {
            *word &= !(1 << (row % 64));
        }
    }

    /// The rows in the set, in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0_u32..)
            .step_by(64)
            .zip(&self.0)
            .flat_map(|(first, word)| {
                let mut rest = *word;
                std::iter::from_fn(move || {
                    (rest != 0).then(|| {
                        let row = first + rest.trailing_zeros();
                        rest &= rest - 1;
                        row
                    })
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_keep_order_and_unions_find_the_smallest() {
        let pairs = [(2, 10), (0, 11), (2, 12), (1, 13), (2, 14)];
        let buckets = Buckets::new(4, |put| {
            pairs.iter().for_each(|(key, row)| put(*key, *row));
        });
        assert_eq!(buckets.of(2), [10, 12, 14]);
        assert_eq!(buckets.of(0), [11]);
        assert!(buckets.of(3).is_empty());
        assert_eq!((buckets.keys(), buckets.before(2)), (4, 2));
        let mut unions = Unions::new(5);
        unions.join(4, 3);
        unions.join(1, 4);
        assert_eq!((unions.find(3), unions.root(4), unions.find(2)), (1, 1, 2));
        let mut bits = Bits::none(3);
        [0, 63, 64, 200].into_iter().for_each(|row| bits.add(row));
        bits.remove(63);
        assert_eq!(bits.iter().collect::<Vec<_>>(), [0, 64, 200]);
        assert!(bits.has(200) && !bits.has(63));
    }
}
