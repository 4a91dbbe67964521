//! Which names there are and what they mean. Source: runtime.md E, L.3.

use std::sync::Arc;

use cliproxy_conductor::{ChannelAlias, ModelAlias, Options};
use cliproxy_core::*;
use http::StatusCode;

use crate::fakes::{FakeExecutor, Play, World, account, key, key_of, world};

fn names(world: &World) -> Vec<String> {
    world.conductor.models().iter().map(|model| model.info.id.as_str().to_owned()).collect()
}

fn provider() -> ProviderId {
    ProviderId::from_static("p")
}

/// What the provider was asked for: model, suffix, shown name.
async fn asked(world: &World, model: &str) -> Option<(String, Option<String>, Option<String>)> {
    let answer = world.ask(model).await;
    let seen = world.script.seen().pop();
    answer.result.ok()?;
    seen.map(|seen| (seen.model, seen.suffix, seen.shown))
}

fn told(
    model: &str,
    suffix: Option<&str>,
    shown: Option<&str>,
) -> Option<(String, Option<String>, Option<String>)> {
    Some((model.to_owned(), suffix.map(str::to_owned), shown.map(str::to_owned)))
}

#[tokio::test(start_paused = true)]
async fn names_are_found_exactly_then_without_case_then_without_the_suffix() {
    let world = world(Options::default());
    world.keys(&["a"]);
    for (wanted, expected) in [
        ("m", told("m", None, Some("m"))),
        ("M", told("m", None, Some("M"))),
        ("m(high)", told("m", Some("high"), Some("m"))),
        ("M(8192)", told("m", Some("8192"), Some("M"))),
        ("m(nonsense)", told("m", Some("nonsense"), Some("m"))),
        (" m ", told("m", None, Some("m"))),
        ("m(high", None),
        ("unknown", None),
    ] {
        assert_eq!(asked(&world, wanted).await, expected, "{wanted}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_is_offered_by_its_id_and_asked_for_by_the_providers_name() {
    let world = world(Options::default());
    *world.executor.models.lock() = vec![ModelInfo::new("kiro-haiku-4-5").with_upstream("haiku-4.5")];
    world.add_to(&world.executor, key("a", |_| {}));
    assert_eq!(asked(&world, "kiro-haiku-4-5").await, told("haiku-4.5", None, Some("kiro-haiku-4-5")));
    assert_eq!(asked(&world, "haiku-4.5").await, None);
    let listed = key("b", |settings| settings.models = vec![ModelEntry::new("kiro-haiku-4-5", "mine")]);
    world.add_to(&world.executor, listed);
    assert_eq!(asked(&world, "mine").await, told("haiku-4.5", None, Some("mine")));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_model_is_404_and_names_near_ones() {
    // Source: http-api.md E 3, design.md §12.
    let world = world(Options::default());
    world.add_to(
        &FakeExecutor::new("p", &["claude-opus-4-5", "claude-sonnet-4-5", "gpt-5"]),
        key("a", |_| {}),
    );
    let error = world.ask("claude-opus-45(high)").await.result.unwrap_err();
    assert_eq!((error.kind, error.status), (ClientErrorKind::ModelNotFound, StatusCode::NOT_FOUND));
    assert_eq!(error.code.as_deref(), Some("model_not_found"));
    assert_eq!(
        error.message,
        "no credential offers the model claude-opus-45(high); did you mean claude-opus-4-5?"
    );
    let error = world.ask("zzzzzzzz").await.result.unwrap_err();
    assert_eq!(error.message, "no credential offers the model zzzzzzzz", "the edge adds where the list is");
    assert_eq!(world.conductor.similar("claude-opus-45(high)"), ["claude-opus-4-5"]);
    assert_eq!(world.conductor.similar("zzzzzzzz"), Vec::<String>::new());
    assert_eq!(world.conductor.similar("gpt-5"), Vec::<String>::new(), "it is there");
}

#[tokio::test(start_paused = true)]
async fn exclusion_comes_before_alias_and_alias_before_prefix() {
    // Source: runtime.md E.6.
    let mut options = Options::default();
    options.channel_exclusions.insert(provider(), vec!["N*".to_owned()]);
    options
        .channel_aliases
        .insert(provider(), vec![ChannelAlias::new("m", "fast"), ChannelAlias::new("n", "gone")]);
    let world = world(options);
    let mut settings = Settings::new("x");
    settings.prefix = Some("team".to_owned());
    world.add(account("x.json", "{}").with_settings(settings));
    assert_eq!(names(&world), ["fast", "team/fast"]);
    assert_eq!(asked(&world, "team/fast(low)").await, told("m", Some("low"), Some("team/fast")));
    assert_eq!(asked(&world, "m").await, None);
}

#[tokio::test(start_paused = true)]
async fn an_alias_renames_and_a_fork_adds() {
    // Source: runtime.md E.6 2, L.3 34.
    let alias = |name: &str, alias: &str, fork: bool| ChannelAlias::new(name, alias).with_fork(fork);
    for (aliases, expected) in [
        (vec![alias("M", "x", false)], vec!["n", "x"]),
        (vec![alias("m", "x", true)], vec!["m", "n", "x"]),
        (vec![alias("m", "x", true), alias("m", "y", true)], vec!["m", "n", "x", "y"]),
        (vec![alias("m", "x", false), alias("m", "y", false)], vec!["n", "x", "y"]),
        // An alias that exists already is skipped.
        (vec![alias("m", "n", true)], vec!["m", "n"]),
        (vec![alias("none", "x", false)], vec!["m", "n"]),
    ] {
        let mut options = Options::default();
        options.channel_aliases.insert(provider(), aliases);
        let world = world(options);
        world.add(account("x.json", "{}"));
        assert_eq!(names(&world), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn api_keys_have_no_channel_aliases_and_their_own_exclusions() {
    let mut options = Options::default();
    options.channel_aliases.insert(provider(), vec![ChannelAlias::new("m", "x")]);
    options.channel_exclusions.insert(provider(), vec!["*".to_owned()]);
    let world = world(options);
    world.add(key("a", |settings| settings.excluded_models = vec!["n".to_owned()]));
    assert_eq!(names(&world), ["m"]);
}

#[tokio::test(start_paused = true)]
async fn the_aliases_of_a_file_override_those_of_its_channel() {
    let mut options = Options::default();
    options.channel_aliases.insert(provider(), vec![ChannelAlias::new("m", "x")]);
    let world = world(options);
    let mut settings = Settings::new("x");
    settings.aliases = vec![("n".to_owned(), "mine".to_owned(), false)];
    world.add(account("x.json", "{}").with_settings(settings));
    assert_eq!(names(&world), ["m", "mine"]);
}

#[tokio::test(start_paused = true)]
async fn an_alias_with_a_suffix_wins_over_the_suffix() {
    // Source: runtime.md E.6, L.3 34: exact suffixed alias preferred; the configured suffix beats the client's.
    let mut options = Options::default();
    options.channel_aliases.insert(
        provider(),
        vec![ChannelAlias::new("m(high)", "m-deep"), ChannelAlias::new("n", "m(low)").with_fork(true)],
    );
    let world = world(options);
    world.add(account("x.json", "{}"));
    assert_eq!(asked(&world, "m-deep").await, told("m", Some("high"), Some("m-deep")));
    assert_eq!(asked(&world, "m-deep(low)").await, told("m", Some("high"), Some("m-deep")));
    assert_eq!(asked(&world, "m(low)").await, told("n", None, Some("m(low)")));
    assert_eq!(asked(&world, "m(medium)").await, told("m", Some("medium"), Some("m")));
}

#[tokio::test(start_paused = true)]
async fn a_prefix_may_be_forced() {
    // Source: runtime.md E.6 3, with its exception.
    let mut options = Options::default();
    options.force_model_prefix = true;
    let world = world(options);
    world.add(key("a", |settings| settings.prefix = Some("m".to_owned())));
    assert_eq!(names(&world), ["m", "m/m", "m/n"]);
    world.conductor.reconfigure(Options::default());
    assert_eq!(names(&world), ["m", "m/m", "m/n", "n"]);
}

#[tokio::test(start_paused = true)]
async fn a_configured_list_replaces_the_executors_and_takes_over_reasoning() {
    // Source: runtime.md E.5.
    let world = world(Options::default());
    let profile = ReasoningProfile { budget: Some((1, 9)), ..ReasoningProfile::default() };
    *world.executor.models.lock() =
        vec![ModelInfo::new("big").with_reasoning(profile.clone()), ModelInfo::new("old")];
    world.add(key("a", |settings| {
        settings.models = vec![ModelEntry::new("big", "mine"), ModelEntry::new("other (free)", "")];
    }));
    assert_eq!(names(&world), ["mine", "other (free)"]);
    assert_eq!(asked(&world, "mine").await, told("big", None, Some("mine")));
    // Parentheses of the provider's own are part of its name.
    assert_eq!(asked(&world, "other (free)").await, told("other (free)", None, Some("other (free)")));
    assert!(world.ask("mine").await.result.is_ok());
    let info = world.script.seen().pop().unwrap().info.unwrap();
    assert_eq!(info, world.conductor.model("mine(high)").unwrap().info);
    assert_eq!((info.reasoning.as_ref(), info.user_defined), (Some(&profile), true));
}

#[tokio::test(start_paused = true)]
async fn replies_keep_the_providers_name_when_mapping_is_off() {
    let world = world(Options::default());
    world.add(key("a", |settings| {
        let mut entry = ModelEntry::new("big", "mine");
        entry.force_mapping = Some(false);
        settings.models = vec![entry];
    }));
    assert_eq!(asked(&world, "mine").await, told("big", None, None));
}

#[tokio::test(start_paused = true)]
async fn global_aliases_are_followed_and_beaten_by_what_is_offered() {
    let mut options = Options::default();
    for (name, target) in [
        ("claude-*", "chain"),
        ("claude-haiku-*", "n(low)"),
        ("claude-special", "n"),
        ("chain", "m(low)"),
        ("m", "n"),
        ("ring-a", "ring-b"),
        ("ring-b", "ring-a"),
        ("self", "self"),
        ("nowhere", "unknown"),
    ] {
        options.model_aliases.push(ModelAlias::new(name, target));
    }
    let world = world(options);
    world.keys(&["a"]);
    for (wanted, expected) in [
        ("claude-opus", told("m", Some("low"), Some("claude-opus"))),
        ("claude-opus(high)", told("m", Some("high"), Some("claude-opus"))),
        // The pattern that says more, wherever it stands.
        ("claude-haiku-4-5", told("n", Some("low"), Some("claude-haiku-4-5"))),
        ("Claude-Special", told("n", None, Some("Claude-Special"))),
        ("claude-special(high)", told("n", Some("high"), Some("claude-special"))),
        // A credential offers it: no alias.
        ("m", told("m", None, Some("m"))),
        ("ring-a", None),
        ("self", None),
        ("nowhere", None),
    ] {
        assert_eq!(asked(&world, wanted).await, expected, "{wanted}");
    }
    let error = world.ask("nowhere(high)").await.result.unwrap_err();
    assert!(error.message.contains("the model nowhere(high), an alias of unknown"), "{}", error.message);
    // Names can be listed, patterns cannot.
    assert_eq!(names(&world), ["chain", "claude-special", "m", "n"]);
    assert_eq!(world.conductor.model("chain").unwrap().info.id.as_str(), "chain");
}

#[tokio::test(start_paused = true)]
async fn auto_is_the_newest_model_that_can_be_served() {
    // Source: runtime.md E.7, L.3 36.
    let world = world(Options::default());
    *world.executor.models.lock() = vec![
        ModelInfo::new("old").with_created(1),
        ModelInfo::new("new").with_created(9),
        ModelInfo::new("ageless"),
    ];
    world.keys(&["a"]);
    assert_eq!(asked(&world, "auto(high)").await, told("new", Some("high"), Some("new")));
    world.script.next("a", [Play::Reply(429, Some(60), "{}")]);
    assert!(world.ask("new").await.result.is_err());
    world.script.seen();
    assert_eq!(asked(&world, "auto").await, told("old", None, Some("old")));
}

#[tokio::test(start_paused = true)]
async fn a_model_stays_listed_while_it_cools_and_vanishes_when_it_is_refused() {
    // Source: runtime.md E.3, http-api.md A.2; L.3 37: it is back when the window ends.
    for (play, listed) in [
        (Play::Reply(429, Some(60), "{}"), true),
        (Play::Reply(500, None, "{}"), true),
        (Play::Reply(404, None, "{}"), false),
        (Play::Reply(403, None, "{}"), false),
    ] {
        let world = world(Options::default());
        world.keys(&["a"]);
        world.script.next("a", [play.clone()]);
        assert!(world.ask("m").await.result.is_err());
        assert_eq!(names(&world).contains(&"m".to_owned()), listed, "{play:?}");
        assert!(names(&world).contains(&"n".to_owned()));
        crate::fakes::sleep(12 * 3600).await;
        assert!(names(&world).contains(&"m".to_owned()), "{play:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_disabled_credential_lists_nothing() {
    let world = world(Options::default());
    world.add(key("a", |settings| settings.disabled = true));
    assert_eq!(names(&world), Vec::<String>::new());
    assert_eq!(world.ask("m").await.result.unwrap_err().kind, ClientErrorKind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_list_is_sorted_and_names_the_providers() {
    let world = world(Options::default());
    world.add_to(&FakeExecutor::new("z", &["b", "a"]), key_of("z", "1", |_| {}));
    world.add_to(&FakeExecutor::new("q", &["b", "c"]), key_of("q", "2", |_| {}));
    let listed: Vec<(String, Vec<String>)> = world
        .conductor
        .models()
        .into_iter()
        .map(|model| (model.info.id.as_str().to_owned(), model.providers))
        .collect();
    let of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        listed,
        [("a".to_owned(), of(&["z"])), ("b".to_owned(), of(&["q", "z"])), ("c".to_owned(), of(&["q"]))]
    );
}

#[tokio::test(start_paused = true)]
async fn a_sync_adds_removes_and_keeps() {
    let world = world(Options::default());
    world.keys(&["a", "b"]);
    let runtime = Credential::new(
        CredentialId::new("live"),
        provider(),
        CredentialKind::ApiKey,
        Origin::Runtime,
        Document::default(),
        Settings::new("live"),
    );
    world.add(runtime);
    world.script.next("b", [Play::AccountLimit(600)]);
    while world.is_ready("b", "m") {
        assert!(world.ask("m").await.result.is_ok());
    }
    let models = world.executor.models.lock().clone();
    let registration = |id: &str| {
        let executor = Arc::clone(&world.executor) as Arc<dyn ProviderExecutor>;
        cliproxy_conductor::Registration::new(executor, Arc::new(key(id, |_| {})), models.clone())
    };
    world.conductor.sync(vec![registration("b"), registration("c")]);
    let ids: Vec<String> = world
        .conductor
        .credentials()
        .iter()
        .map(|status| status.credential.id().as_str().to_owned())
        .collect();
    assert_eq!(ids, ["b", "c", "live"]);
    assert!(!world.is_ready("b", "m"));
}

#[tokio::test(start_paused = true)]
async fn of_two_with_one_id_the_first_counts() {
    let world = world(Options::default());
    let models = world.executor.models.lock().clone();
    let registration = |id: &str, priority: i64| {
        let executor = Arc::clone(&world.executor) as Arc<dyn ProviderExecutor>;
        let credential = key(id, |settings| settings.priority = priority);
        cliproxy_conductor::Registration::new(executor, Arc::new(credential), models.clone())
    };
    for _ in 0..2 {
        world.conductor.sync(vec![registration("a", 1), registration("b", 2), registration("a", 3)]);
        let priorities: Vec<i64> =
            world.conductor.credentials().iter().map(|one| one.credential.settings().priority).collect();
        assert_eq!(priorities, [1, 2]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_lies_in_a_folder_that_cannot_be_read_goes_on() {
    let world = world(Options::default());
    world.keys(&["team/a.json", "team/deep/b.json", "team.json", "teams/c.json", "d.json"]);
    let unreadable = std::collections::BTreeSet::from([CredentialId::from_static("team/")]);
    world.conductor.sync_readable(Vec::new(), &unreadable);
    let left = world.conductor.credentials();
    let left: Vec<&str> = left.iter().map(|one| one.credential.id().as_str()).collect();
    assert_eq!(left, ["team/a.json", "team/deep/b.json"]);
}

#[tokio::test(start_paused = true)]
async fn admitting_asks_the_executor_for_its_models() {
    let world = world(Options::default());
    world.conductor.admit(Arc::new(key("a", |_| {}))).await.unwrap();
    assert_eq!(names(&world), ["m", "n"]);
    let error = world.conductor.admit(Arc::new(key_of("nobody", "b", |_| {}))).await.unwrap_err();
    assert_eq!(error.message(), "no executor serves the provider nobody");
}
