//! Measuring in turn.

use std::fmt;

/// Measures every side once a round, every other round backwards so that nobody is always first. A first round is thrown away: it
/// fills the caches. Answers what was measured of each side, in the order of the rounds.
pub async fn alternate<S, T>(
    rounds: usize,
    sides: &mut [S],
    mut measure: impl AsyncFnMut(&mut S) -> T,
) -> Vec<Vec<T>> {
    let mut measured: Vec<Vec<T>> = sides.iter().map(|_| Vec::with_capacity(rounds)).collect();
    for side in &mut *sides {
        measure(side).await;
    }
    for round in 0..rounds {
        for turn in 0..sides.len() {
            let side = if round % 2 == 0 { turn } else { sides.len() - 1 - turn };
            measured[side].push(measure(&mut sides[side]).await);
        }
    }
    measured
}

/// The middle of what many rounds say, and how far they spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Half of the rounds say less.
    pub median: f64,
    /// A quarter of the rounds say less.
    pub low: f64,
    /// A quarter of the rounds say more.
    pub high: f64,
}

impl Spread {
    /// The spread of what the rounds say.
    ///
    /// # Panics
    /// When there was no round.
    pub fn of(said: impl IntoIterator<Item = f64>) -> Self {
        let mut said: Vec<f64> = said.into_iter().collect();
        said.sort_by(f64::total_cmp);
        Self { median: quantile(&said, 50), low: quantile(&said, 25), high: quantile(&said, 75) }
    }

    /// The spread of `this` to `that`, each round's by itself.
    ///
    /// # Panics
    /// When there was no round.
    pub fn of_ratio<T>(this: &[T], that: &[T], value: impl Fn(&T) -> f64) -> Self {
        Self::of(this.iter().zip(that).map(|(this, that)| value(this) / value(that)))
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} ({:.2}–{:.2})", self.median, self.low, self.high)
    }
}

/// The value that so many percent of the sorted ones are at most.
///
/// # Panics
/// When there is no value.
pub fn quantile(sorted: &[f64], percent: usize) -> f64 {
    sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn should_take_turns_and_throw_the_first_round_away() {
        let mut order = Vec::new();
        let mut sides = ['a', 'b'];
        let measured = alternate(2, &mut sides, async |side: &mut char| {
            order.push(*side);
            order.len()
        });
        assert_eq!(measured.await, [[3, 6], [4, 5]]);
        assert_eq!(order, ['a', 'b', 'a', 'b', 'b', 'a']);
    }

    #[test]
    fn should_compare_within_a_round_alone() {
        // The machine became ten times slower between the rounds; the sides did not change.
        let spread = Spread::of_ratio(&[2.0, 20.0, 4.0], &[1.0, 10.0, 2.0], |value| *value);
        assert_eq!(spread, Spread { median: 2.0, low: 2.0, high: 2.0 });
    }

    #[test]
    fn should_find_what_so_many_percent_are_at_most() {
        let sorted: Vec<f64> = (1..=200).map(f64::from).collect();
        let check = |percent, value: f64| assert!((quantile(&sorted, percent) - value).abs() < 0.1);
        check(50, 100.0);
        check(99, 198.0);
        check(100, 200.0);
        check(0, 1.0);
    }
}
