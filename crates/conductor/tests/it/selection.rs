//! Who goes next. Source: runtime.md D.2, D.3, L.2 11 to 13, 26.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cliproxy_conductor::{Options, Strategy, Weighted};
use cliproxy_core::*;
use parking_lot::Mutex;

use crate::fakes::{FakeExecutor, Play, World, account, key, key_of, world};
use crate::renewal::Provider;

fn options(strategy: Strategy) -> Options {
    let mut options = Options::default();
    options.strategy = strategy;
    options
}

async fn order(world: &World, model: &str, requests: usize) -> String {
    for _ in 0..requests {
        assert!(world.ask(model).await.result.is_ok());
    }
    world.script.tried().concat()
}

#[tokio::test(start_paused = true)]
async fn round_robin_goes_round_in_id_order() {
    let world = world(Options::default());
    world.keys(&["c", "a", "b"]);
    assert_eq!(order(&world, "m", 7).await, "abcabca");
    // A suffix shares the turn with its model, another model has its own (L.2 13).
    assert_eq!(order(&world, "m(high)", 1).await, "b");
    assert_eq!(order(&world, "n", 1).await, "a");
}

#[tokio::test(start_paused = true)]
async fn turns_go_on_when_credentials_come_and_go() {
    let world = world(Options::default());
    world.keys(&["a", "b", "c"]);
    assert_eq!(order(&world, "m", 1).await, "a");
    world.keys(&["d"]);
    assert_eq!(order(&world, "m", 3).await, "bcd");
    world.conductor.remove(&CredentialId::new("b"));
    assert_eq!(order(&world, "m", 3).await, "acd");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn round_robin_is_fair_under_concurrency() {
    // L.2 11.
    let world = Arc::new(world(Options::default()));
    world.keys(&["a", "b", "c", "d"]);
    let tasks = tokio_util::task::TaskTracker::new();
    let handles: Vec<_> = (0..8)
        .map(|_| {
            let world = Arc::clone(&world);
            tasks.spawn(async move {
                for _ in 0..100 {
                    assert!(world.conductor.pick("m").is_some());
                    assert!(world.ask("m").await.result.is_ok());
                }
            })
        })
        .collect();
    for handle in handles {
        handle.await.unwrap();
    }
    // 1600 turns in all, of which every second is a request; whoever shares the turns, none is lost.
    assert_eq!(world.script.tried().len(), 800);
    for _ in 0..2 {
        let four: Vec<String> =
            (0..4).map(|_| world.conductor.pick("m").unwrap().id().as_str().to_owned()).collect();
        assert_eq!(four.concat(), "abcd");
    }
}

#[tokio::test(start_paused = true)]
async fn fill_first_stays_with_the_first_that_is_ready() {
    let world = world(options(Strategy::FillFirst));
    world.keys(&["a", "b"]);
    assert_eq!(order(&world, "m", 3).await, "aaa");
    world.script.next("a", [Play::Reply(429, Some(60), "{}")]);
    assert_eq!(order(&world, "m", 3).await, "abbb");
    crate::fakes::sleep(60).await;
    assert_eq!(order(&world, "m", 2).await, "aa");
}

#[tokio::test(start_paused = true)]
async fn lower_priorities_serve_only_when_the_higher_are_blocked() {
    // L.2 12.
    for strategy in [Strategy::RoundRobin, Strategy::FillFirst, Strategy::Weighted] {
        let world = world(options(strategy));
        for (id, priority) in [("a", 0), ("b", 5), ("c", 5), ("d", -1)] {
            world.add(key(id, |settings| settings.priority = priority));
        }
        world.script.next("b", [Play::Reply(429, Some(60), "{}")]);
        world.script.next("c", [Play::Reply(429, Some(60), "{}")]);
        assert_eq!(order(&world, "m", 3).await, "bcaaa");
    }
}

#[tokio::test(start_paused = true)]
async fn weights_are_smooth_and_zero_excludes() {
    // L.2 26.
    let world = world(options(Strategy::Weighted));
    for (id, weight) in [("a", 5), ("b", 1), ("c", 1), ("d", 0), ("e", -3)] {
        world.add(key(id, |settings| settings.weight = weight));
    }
    assert_eq!(order(&world, "m", 14).await, "aabacaaaabacaa");
}

#[tokio::test(start_paused = true)]
async fn who_recovers_has_earned_nothing_meanwhile() {
    // L.2 26: rebalance when the heaviest is out, no burst after recovery.
    let world = world(options(Strategy::Weighted));
    for (id, weight) in [("a", 2), ("b", 1), ("c", 1)] {
        world.add(key(id, |settings| settings.weight = weight));
    }
    world.script.next("a", [Play::Reply(429, Some(60), "{}")]);
    assert_eq!(order(&world, "m", 6).await, "abcbcbc");
    crate::fakes::sleep(60).await;
    assert_eq!(order(&world, "m", 8).await, "abcaabca");
}

#[tokio::test(start_paused = true)]
async fn credits_earned_under_other_weights_are_worth_nothing() {
    let world = world(options(Strategy::Weighted));
    let weigh = |a: i64, b: i64| {
        world.add(key("a", |settings| settings.weight = a));
        world.add(key("b", |settings| settings.weight = b));
    };
    weigh(3, 1);
    assert_eq!(order(&world, "m", 2).await, "aa");
    weigh(1, 3);
    assert_eq!(order(&world, "m", 4).await, "babb");
}

#[tokio::test(start_paused = true)]
async fn who_joins_or_leaves_a_weighted_pool_counts_at_once() {
    let world = world(options(Strategy::Weighted));
    world.keys(&["a", "b"]);
    assert_eq!(order(&world, "m", 2).await, "ab");
    world.add(key("c", |settings| settings.weight = 2));
    assert_eq!(order(&world, "m", 4).await, "cabc");
    world.conductor.remove(&CredentialId::new("c"));
    assert_eq!(order(&world, "m", 2).await, "ab");
}

#[tokio::test(start_paused = true)]
async fn a_pool_without_any_weight_serves_nobody() {
    let world = world(options(Strategy::Weighted));
    world.add(key("a", |settings| settings.weight = 0));
    let error = world.ask("m").await.result.unwrap_err();
    assert_eq!(error.kind, ClientErrorKind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn several_providers_share_by_their_number_of_ready_credentials() {
    // Source: runtime.md D.1 "Provider order" [H].
    let world = world(Options::default());
    world.keys(&["a1", "a2"]);
    world.add_to(&FakeExecutor::new("q", &["m"]), key_of("q", "b1", |_| {}));
    assert_eq!(order(&world, "m", 6).await, "a1b1a2a1b1a2");
}

#[tokio::test(start_paused = true)]
async fn several_providers_share_by_weight_under_weights() {
    let world = world(options(Strategy::Weighted));
    world.add(key("a", |settings| settings.weight = 1));
    world.add_to(&FakeExecutor::new("q", &["m"]), key_of("q", "b", |settings| settings.weight = 3));
    assert_eq!(order(&world, "m", 8).await, "babbbabb");
}

#[tokio::test(start_paused = true)]
async fn fill_first_uses_up_one_provider_before_the_next() {
    let world = world(options(Strategy::FillFirst));
    world.keys(&["z1", "z2"]);
    world.add_to(&FakeExecutor::new("q", &["m"]), key_of("q", "a", |_| {}));
    world.script.next("z1", [Play::Reply(429, Some(60), "{}")]);
    world.script.next("z2", [Play::Reply(429, Some(60), "{}")]);
    assert_eq!(order(&world, "m", 2).await, "z1z2aa");
}

/// Always the last one.
#[derive(Debug, Default)]
struct Last(AtomicUsize);

impl Selector for Last {
    fn pick(&self, view: &ReadyView<'_>, context: &PickContext<'_>) -> Option<usize> {
        assert_eq!((context.model, context.provider.as_str()), ("m", "p"));
        self.0.fetch_add(1, Ordering::Relaxed);
        view.iter().last()
    }
}

#[tokio::test(start_paused = true)]
async fn a_selector_can_be_swapped_while_running() {
    let world = world(Options::default());
    world.keys(&["a", "b", "c"]);
    assert_eq!(order(&world, "m", 2).await, "ab");
    let last = Arc::new(Last::default());
    world.conductor.reconfigure(options(Strategy::Custom(Arc::clone(&last) as Arc<dyn Selector>)));
    assert_eq!(order(&world, "m", 2).await, "cc");
    assert_eq!(last.0.load(Ordering::Relaxed), 2);
    world.conductor.reconfigure(options(Strategy::RoundRobin));
    assert_eq!(order(&world, "m", 1).await, "c");
}

/// Always the first, and what it was told of the credentials.
#[derive(Debug, Default)]
struct Told(Mutex<Vec<(Option<u64>, String)>>);

impl Selector for Told {
    fn pick(&self, view: &ReadyView<'_>, context: &PickContext<'_>) -> Option<usize> {
        let first = view.next_ready(0)?;
        let token = view.credential(first)?.document().text("access_token").unwrap_or_default().to_owned();
        self.0.lock().push((context.revision, token));
        Some(first)
    }
}

#[tokio::test(start_paused = true)]
async fn a_selector_is_told_when_a_credential_has_become_another() {
    let told = Arc::new(Told::default());
    let world = world(options(Strategy::Custom(Arc::clone(&told) as Arc<dyn Selector>)));
    Arc::new(Provider::default()).wire(&world);
    world.add(account("x", r#"{"access_token":"access-1","refresh_token":"refresh-1"}"#));
    order(&world, "m", 2).await;
    world.conductor.renew(&CredentialId::new("x")).await.unwrap();
    order(&world, "m", 2).await;
    world.add(account("y", r#"{"access_token":"other"}"#));
    order(&world, "m", 1).await;
    let told = told.0.lock();
    let [(one, first), (two, second), (three, third), (four, fourth), (five, _)] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!([first, second, third, fourth], ["access-1", "access-1", "access-2", "access-2"]);
    assert!(one.is_some() && one == two && two != three && three == four && four != five, "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_selector_that_wants_nobody_ends_the_request() {
    #[derive(Debug)]
    struct Nobody;
    impl Selector for Nobody {
        fn pick(&self, _: &ReadyView<'_>, _: &PickContext<'_>) -> Option<usize> {
            Some(1000)
        }
    }
    let world = world(options(Strategy::Custom(Arc::new(Nobody))));
    world.keys(&["a"]);
    assert!(world.ask("m").await.result.is_err());
    assert_eq!(world.script.tried(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_model_pool_is_tried_through_within_one_credential() {
    // Source: runtime.md D.12.
    let world = world(Options::default());
    for id in ["a", "b"] {
        world.add(key(id, |settings| {
            settings.models = ["x", "y", "z"].map(|name| ModelEntry::new(name, "pool")).to_vec();
        }));
    }
    let models = |world: &World| -> Vec<String> {
        world.script.seen().iter().map(|seen| format!("{}/{}", seen.credential, seen.model)).collect()
    };
    for _ in 0..3 {
        assert!(world.ask("pool").await.result.is_ok());
    }
    assert_eq!(models(&world), ["a/x", "b/y", "a/z"]);

    for model in ["x", "y", "z"] {
        world.script.next(&format!("b/{model}"), [Play::Reply(429, Some(60), "{}")]);
    }
    assert!(world.ask("pool").await.result.is_ok());
    let seen = models(&world);
    assert_eq!(seen.len(), 4, "{seen:?}");
    assert!(seen[..3].iter().all(|one| one.starts_with("b/")), "{seen:?}");

    // A limit of the whole account spares the others of the pool the trouble.
    crate::fakes::sleep(60).await;
    world.script.next("b", [Play::AccountLimit(60)]);
    world.script.next("a", [Play::AccountLimit(60)]);
    assert!(world.ask("pool").await.result.is_err());
    assert_eq!(models(&world).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_fallback_serves_only_while_there_is_nothing_else() {
    // Source: design.md §8.
    let world = world(Options::default());
    let demo = FakeExecutor::new("demo", &["demo"]);
    world.add_to(&demo, key_of("demo", "demo", |settings| settings.fallback = true));
    assert!(world.ask("demo").await.result.is_ok());
    world.keys(&["a"]);
    assert_eq!(world.ask("demo").await.result.unwrap_err().kind, ClientErrorKind::ModelNotFound);
    assert_eq!(world.conductor.models().len(), 2);
    // One that is switched off does not count.
    world.conductor.update(Arc::new(key("a", |settings| settings.disabled = true)));
    assert!(world.ask("demo").await.result.is_ok());
}

#[test]
fn the_weighted_selector_forgets_groups_beyond_its_bound() {
    let selector = Weighted::default();
    let slots: Vec<Arc<Credential>> = ["a", "b"].iter().map(|id| Arc::new(key(id, |_| {}))).collect();
    let (provider, cursor) = (ProviderId::from_static("p"), AtomicUsize::new(0));
    let pick = |group: u64| {
        let mut context = PickContext::new(&provider, "m", &cursor, Timestamp::default());
        context.group = group;
        selector.pick(&ReadyView::new(&[3], &slots), &context)
    };
    assert_eq!(pick(0), Some(0));
    let firsts: HashMap<_, _> = (1..=5000).map(|group| (group, pick(group))).collect();
    assert!(firsts.values().all(|slot| *slot == Some(0)));
    // Group 0 was forgotten: its turn begins again.
    assert_eq!(pick(0), Some(0));
}

#[tokio::test(start_paused = true)]
async fn pools_that_differ_only_in_how_a_model_is_described_share_no_turns() {
    let world = world(options(Strategy::Weighted));
    for (name, ids) in [("One", ["a", "b"]), ("Two", ["c", "d"])] {
        world.executor.models.lock()[0].display_name = Some(name.to_owned());
        for (id, weight) in ids.into_iter().zip([3, 1]) {
            world.add(key(id, |settings| settings.weight = weight));
        }
    }
    let order = order(&world, "m", 32).await;
    let count = |id: char| order.chars().filter(|one| *one == id).count();
    assert_eq!([count('a'), count('b'), count('c'), count('d')], [12, 4, 12, 4], "{order}");
}
