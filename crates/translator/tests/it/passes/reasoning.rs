//! Suffixes, levels, budgets, and what models can do of them.

use cliproxy_core::{Level, ModelInfo, ReasoningProfile};
use cliproxy_translator::model::{ReasoningControl, ReasoningMode, Summary};
use cliproxy_translator::pass::reasoning::{
    Amount, below_max_tokens, budget_level, level_budget, of_effort, parse_suffix, resolve, split_suffix,
};

fn level(level: Level) -> ReasoningControl {
    ReasoningControl { mode: Some(ReasoningMode::On), level: Some(level), ..Default::default() }
}

fn budget(budget: u32) -> ReasoningControl {
    ReasoningControl { mode: Some(ReasoningMode::On), budget: Some(budget), ..Default::default() }
}

fn mode(mode: ReasoningMode) -> ReasoningControl {
    ReasoningControl { mode: Some(mode), ..Default::default() }
}

#[test]
fn b43_suffixes() {
    for (model, expected) in [
        ("gpt-x(high)", ("gpt-x", Some("high"))),
        ("a(b)(c)", ("a(b)", Some("c"))),
        ("a()", ("a", Some(""))),
        ("a(b)c", ("a(b)c", None)),
        ("a)", ("a)", None)),
        ("a", ("a", None)),
    ] {
        assert_eq!(split_suffix(model), expected, "{model}");
    }
    for (suffix, expected) in [
        ("none", Some(mode(ReasoningMode::Off))),
        ("NONE", Some(mode(ReasoningMode::Off))),
        ("0", Some(mode(ReasoningMode::Off))),
        ("auto", Some(mode(ReasoningMode::Auto))),
        ("-1", Some(mode(ReasoningMode::Auto))),
        ("minimal", Some(level(Level::Minimal))),
        ("High", Some(level(Level::High))),
        ("xhigh", Some(level(Level::Xhigh))),
        ("max", Some(level(Level::Max))),
        ("8192", Some(budget(8192))),
        ("99999999999", Some(budget(u32::MAX))),
        ("-2", None),
        ("1.5", None),
        ("fast", None),
        ("", None),
    ] {
        assert_eq!(parse_suffix(suffix), expected, "{suffix}");
    }
    assert_eq!(of_effort("none"), Some(mode(ReasoningMode::Off)));
    assert_eq!(of_effort("low"), Some(level(Level::Low)));
    assert_eq!(of_effort("8192"), None, "an effort is no number");
}

#[test]
fn b39_levels_and_budgets() {
    for (level, budget) in [
        (Level::Minimal, 512),
        (Level::Low, 1024),
        (Level::Medium, 8192),
        (Level::High, 24_576),
        (Level::Xhigh, 32_768),
        (Level::Max, 128_000),
    ] {
        assert_eq!(level_budget(level), budget);
    }
    for (budget, level) in [
        (1, Level::Minimal),
        (512, Level::Minimal),
        (513, Level::Low),
        (1024, Level::Low),
        (1025, Level::Medium),
        (8192, Level::Medium),
        (8193, Level::High),
        (24_576, Level::High),
        (24_577, Level::Xhigh),
        (u32::MAX, Level::Xhigh),
    ] {
        assert_eq!(budget_level(budget), level, "{budget}");
    }
}

fn model(budget: Option<(u32, u32)>, levels: &[Level], zero: bool, dynamic: bool) -> ModelInfo {
    ModelInfo::new("m").with_reasoning(ReasoningProfile {
        budget,
        levels: levels.to_vec(),
        zero_allowed: zero,
        dynamic_allowed: dynamic,
    })
}

#[test]
fn b40_b42_what_was_asked_is_bent_to_what_the_model_can() {
    use Level::{High, Low, Max, Medium, Minimal, Xhigh};
    let budgets = || model(Some((1024, 32_000)), &[], false, false);
    let open = || model(Some((0, 24_576)), &[], true, true);
    let levels = || model(None, &[Low, Medium, High], false, false);
    let hybrid = || model(Some((128, 32_768)), &[Low, High], false, true);
    let top = || model(None, &[Low, High, Max], false, false);
    for (name, info, asked, expected) in [
        ("level to budget", budgets(), level(Medium), Amount::Budget(8192)),
        ("level below the floor", budgets(), level(Minimal), Amount::Budget(1024)),
        ("level above the roof", budgets(), level(Max), Amount::Budget(32_000)),
        ("budget within", budgets(), budget(2000), Amount::Budget(2000)),
        ("budget below", budgets(), budget(1), Amount::Budget(1024)),
        ("budget above", budgets(), budget(64_000), Amount::Budget(32_000)),
        ("none where it cannot", budgets(), mode(ReasoningMode::Off), Amount::Budget(1024)),
        ("auto where it cannot", budgets(), mode(ReasoningMode::Auto), Amount::Budget(16_512)),
        ("on without amount", budgets(), mode(ReasoningMode::On), Amount::Budget(16_512)),
        ("none", open(), mode(ReasoningMode::Off), Amount::Off),
        ("auto", open(), mode(ReasoningMode::Auto), Amount::Auto),
        ("zero budget", open(), budget(0), Amount::Off),
        ("level", levels(), level(Medium), Amount::Level(Medium)),
        ("level below", levels(), level(Minimal), Amount::Level(Low)),
        ("E619 xhigh without either", levels(), level(Xhigh), Amount::Level(High)),
        ("E618 max clamps to high", levels(), level(Max), Amount::Level(High)),
        ("E619 xhigh takes max", top(), level(Xhigh), Amount::Level(Max)),
        ("ties go lower", top(), level(Medium), Amount::Level(Low)),
        ("budget to level", levels(), budget(8192), Amount::Level(Medium)),
        ("small budget to level", levels(), budget(100), Amount::Level(Low)),
        ("big budget to level", levels(), budget(100_000), Amount::Level(High)),
        ("none, lowest level", levels(), mode(ReasoningMode::Off), Amount::Level(Low)),
        ("auto, medium", levels(), mode(ReasoningMode::Auto), Amount::Level(Medium)),
        ("hybrid level", hybrid(), level(High), Amount::Level(High)),
        ("hybrid budget", hybrid(), budget(5000), Amount::Budget(5000)),
        ("hybrid budget clamped", hybrid(), budget(50_000), Amount::Budget(32_768)),
        ("hybrid auto", hybrid(), mode(ReasoningMode::Auto), Amount::Auto),
        ("nothing said", hybrid(), ReasoningControl::default(), Amount::Unsaid),
        ("cannot reason", ModelInfo::new("m"), level(High), Amount::Remove),
        ("cannot reason, nothing said", ModelInfo::new("m"), ReasoningControl::default(), Amount::Unsaid),
    ] {
        let resolved = resolve(&asked, false, Some(&info)).unwrap();
        assert_eq!(resolved.amount, expected, "E614 {name}");
        let off = asked.mode == Some(ReasoningMode::Off) || asked.budget == Some(0);
        assert_eq!(resolved.off_asked, off, "{name}");
    }
}

#[test]
fn b40_unknown_and_own_models_take_everything() {
    let mut own = ModelInfo::new("m");
    own.user_defined = true;
    for info in [None, Some(&own)] {
        for (asked, expected) in [
            (level(Level::Max), Amount::Level(Level::Max)),
            (budget(7), Amount::Budget(7)),
            (mode(ReasoningMode::Off), Amount::Off),
            (mode(ReasoningMode::Auto), Amount::Auto),
        ] {
            assert_eq!(resolve(&asked, true, info).unwrap().amount, expected);
        }
    }
}

#[test]
fn e615_e620_within_a_family_what_the_model_has_not_is_an_error() {
    let levels = model(None, &[Level::Low, Level::High], false, false);
    let budgets = model(Some((1024, 32_000)), &[], false, false);
    for (info, asked, code) in [
        (&levels, level(Level::Max), Some("LEVEL_NOT_SUPPORTED")),
        (&levels, level(Level::High), None),
        (&levels, budget(5), None),
        (&budgets, budget(1000), Some("BUDGET_OUT_OF_RANGE")),
        (&budgets, budget(40_000), Some("BUDGET_OUT_OF_RANGE")),
        (&budgets, budget(1024), None),
        (&budgets, level(Level::Max), None),
    ] {
        let error = resolve(&asked, true, Some(info)).err();
        assert_eq!(error.as_ref().and_then(cliproxy_translator::CodecError::code), code, "{asked:?}");
        assert!(resolve(&asked, false, Some(info)).is_ok(), "{asked:?} from another family or a suffix");
    }
}

#[test]
fn b44_the_summary_intent_rides_along() {
    let asked = ReasoningControl { summary: Summary::Enabled(Some("auto".to_owned())), ..level(Level::Low) };
    assert_eq!(resolve(&asked, false, None).unwrap().summary, asked.summary);
    for (amount, effort) in [
        (mode(ReasoningMode::Off), Some("none")),
        (mode(ReasoningMode::Auto), Some("auto")),
        (level(Level::High), Some("high")),
        (budget(1000), Some("low")),
        (ReasoningControl::default(), None),
    ] {
        assert_eq!(resolve(&amount, false, None).unwrap().as_effort(), effort);
    }
}

#[test]
fn b41_a_budget_leaves_room_for_the_answer() {
    for (budget, max_tokens, least, expected) in [
        (8192, 32_000, 1024, 8192),
        (8192, 8192, 1024, 8191),
        (8192, 4096, 1024, 4095),
        (8192, 1024, 1024, 8192),
        (8192, 0, 1024, 8192),
        (8192, u64::MAX, 1024, 8192),
    ] {
        assert_eq!(below_max_tokens(budget, max_tokens, least), expected, "{budget} {max_tokens}");
    }
}
