//! Out of quota, and back: in each provider's own words, with a second account that answers meanwhile.

use std::time::{Duration, Instant};

use super::refusals::{Refusal, Rest, of};
use super::table::{ALL, Login};
use super::world::{Asked, FUTURE, Terms, Whose, World, ask, served};
use crate::client::clients;
use crate::server::Server;

/// Hints are believed however long they are.
const BELIEVED: &str = "request-retry: 0\nmax-retry-interval: 0\nmax-cooldown: 900h\n";

/// One way after the other of each provider, all providers at once: those that have so many, with two accounts each.
struct Round {
    world: World,
    server: Server,
    rows: Vec<(&'static Login, &'static Refusal)>,
}

impl Round {
    async fn new(number: usize) -> Option<Self> {
        let rows: Vec<_> =
            ALL.iter().filter_map(|login| Some((login, of(login.provider).get(number)?))).collect();
        if rows.is_empty() {
            return None;
        }
        let world = World::new(FUTURE).await;
        for login in &ALL {
            world.add_other(login, FUTURE, &serde_json::json!({}));
        }
        world.refuse_below(0);
        let server = world.server(BELIEVED).await;
        Some(Self { world, server, rows })
    }

    fn terms(&self, login: &Login) -> &Terms {
        &self.world.terms[login.name]
    }

    /// My account is asked and is out of quota; the client is served by the other. Gives the moment of the refusal.
    async fn refused(&self, login: &Login, refusal: &Refusal, wait: u64) -> Instant {
        let terms = self.terms(login);
        terms.refuse(Whose::Mine, Some((refusal.reply)(wait)));
        for _ in 0..20 {
            served(&self.server, login, clients()[0], false).await;
            if let Some(last) = last(&terms.asked(Whose::Mine)).filter(|last| last.refused) {
                return last.at;
            }
        }
        panic!("{}: the two accounts do not take turns: {}", login.name, refusal.what);
    }
}

fn last(asked: &[Asked]) -> Option<Asked> {
    asked.last().copied()
}

/// How long it rests at least, told to wait so long: a moment is told in whole seconds.
fn least(refusal: &Refusal, wait: u64) -> Duration {
    match refusal.rest {
        Rest::AsTold => Duration::from_secs(wait - 1),
        Rest::HalfAnHour => Duration::from_secs(1799),
        Rest::Ladder => Duration::from_secs(1),
    }
}

#[tokio::test]
async fn an_account_rests_as_long_as_its_provider_says_in_its_own_words_while_another_serves() {
    const HOURS: u64 = 5 * 3600 + 7;
    let mut number = 0;
    while let Some(round) = Round::new(number).await {
        number += 1;
        for &(login, refusal) in &round.rows {
            let name = format!("{}: {}", login.name, refusal.what);
            let before = Instant::now();
            let refused_at = round.refused(login, refusal, HOURS).await;
            let terms = round.terms(login);
            let refused = terms.refused(Whose::Mine);
            for client in clients() {
                for stream in [false, true] {
                    served(&round.server, login, client, stream).await;
                }
            }
            // Nobody asked it again before its time.
            let asked = terms.asked(Whose::Mine);
            for again in asked.iter().skip_while(|asked| !asked.refused).skip(refused) {
                assert!(again.at - refused_at >= least(refusal, HOURS), "{name}: asked while it rests");
            }
            if refusal.rest == Rest::Ladder {
                continue;
            }
            assert_eq!(terms.refused(Whose::Mine), refused, "{name}: asked while it rests");

            // The other one is told to wait longer: the client learns when the first comes back, to the second.
            terms.refuse(Whose::Other, Some((refusal.reply)(2 * HOURS)));
            let reply = ask(&round.server, login, clients()[0], false).await;
            let wait = reply.header("retry-after").and_then(|text| text.parse::<u64>().ok());
            let wait = wait.unwrap_or_else(|| panic!("{name}: {}: it says no time", reply.status()));
            let passed = before.elapsed().as_secs() + 1;
            let (code, rests) = match refusal.rest {
                Rest::AsTold => (429, HOURS + 1),
                _ => (503, 1800),
            };
            assert_eq!(reply.status(), code, "{name}: {}", reply.text().await);
            assert!(
                wait <= rests && wait + passed + 1 >= rests,
                "{name}: back in {wait} s, {passed} s after it was told {rests} s"
            );
        }
    }
    assert!(number > 2, "every way of every provider was tried");
}

#[tokio::test]
async fn an_account_whose_time_has_come_serves_again_by_itself() {
    const WAIT: u64 = 2;
    let mut number = 0;
    while let Some(round) = Round::new(number).await {
        number += 1;
        let mut resting = Vec::new();
        for &(login, refusal) in round.rows.iter().filter(|(_, refusal)| refusal.rest != Rest::HalfAnHour) {
            let refused_at = round.refused(login, refusal, WAIT).await;
            round.terms(login).refuse(Whose::Mine, None);
            resting.push((login, refusal, refused_at));
        }
        for (login, refusal, refused_at) in resting {
            let back = async {
                loop {
                    served(&round.server, login, clients()[0], false).await;
                    let last = last(&round.terms(login).asked(Whose::Mine)).filter(|last| !last.refused);
                    if let Some(last) = last.filter(|last| last.at > refused_at) {
                        return last.at;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            let name = format!("{}: {}", login.name, refusal.what);
            let back = tokio::time::timeout(Duration::from_secs(60), back).await;
            let rested = back.unwrap_or_else(|_| panic!("{name}: it does not come back")) - refused_at;
            assert!(rested >= least(refusal, WAIT), "{name}: asked after {rested:?}");
            served(&round.server, login, clients()[0], true).await;
        }
    }
    assert!(number > 2, "every way of every provider was tried");
}
