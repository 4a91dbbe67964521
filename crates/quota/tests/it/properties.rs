use std::time::Duration;

use cliproxy_core::{ErrorKind, Evidence, Scope, Timestamp};
use cliproxy_quota::{Availability, BackoffPolicy, Cooling, Fault, Ledger};
use proptest::prelude::*;

use crate::{START, model};

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Fail { model: u8, kind: ErrorKind, hint: Option<u64>, wide: bool, forced: bool, answered: bool },
    Succeed { model: u8, ago: u64 },
    Begin(u8),
}

fn kinds() -> impl Strategy<Value = ErrorKind> {
    prop::sample::select(vec![
        ErrorKind::Unauthorized,
        ErrorKind::PaymentRequired,
        ErrorKind::Forbidden,
        ErrorKind::NotFound,
        ErrorKind::ModelNotSupported,
        ErrorKind::RateLimited,
        ErrorKind::InvalidGrant,
        ErrorKind::Overloaded,
        ErrorKind::Server,
        ErrorKind::Timeout,
        ErrorKind::Connect,
        ErrorKind::Challenge,
        ErrorKind::InvalidRequest,
        ErrorKind::EmptyStream,
    ])
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0_u64..4_000_000).prop_map(Step::Wait),
        (0_u8..3, kinds(), prop::option::of(0_u64..200_000), any::<bool>(), any::<bool>(), any::<bool>())
            .prop_map(|(model, kind, hint, wide, forced, answered)| Step::Fail {
                model,
                kind,
                hint,
                wide,
                forced: forced && hint.is_none(),
                answered
            }),
        (0_u8..3, 0_u64..100_000).prop_map(|(model, ago)| Step::Succeed { model, ago }),
        (0_u8..3).prop_map(Step::Begin),
    ];
    prop::collection::vec(step, 1..60)
}

fn name(index: u8) -> cliproxy_core::UpstreamModel {
    model(&format!("m{index}"))
}

fn apply(ledger: &mut Ledger, step: &Step, now: &mut Timestamp) {
    let policy = BackoffPolicy::default();
    match step {
        Step::Wait(millis) => *now = now.plus(Duration::from_millis(*millis)),
        Step::Fail { model, kind, hint, wide, forced, answered } => {
            let mut evidence = Evidence::new(*kind).with_retry_after(hint.map(Duration::from_secs));
            if *wide && evidence.scope == Scope::Model {
                evidence = evidence.with_scope(Scope::Credential);
            }
            let cooling = if *forced { Cooling::Forced } else { Cooling::Normal };
            let fault = Fault::new(evidence).with_answered(*answered).with_cooling(cooling);
            ledger.fail(&name(*model), &fault, &policy, *now);
        }
        Step::Succeed { model, ago } => {
            let started = Timestamp::from_millis(now.as_millis() - i64::try_from(*ago).unwrap());
            // A request that began while the credential was blocked cannot exist.
            if ledger.availability(&name(*model), started).is_usable() {
                ledger.succeed(&name(*model), started);
            }
        }
        Step::Begin(model) => {
            ledger.begin(&name(*model), *now);
        }
    }
}

fn end(ledger: &Ledger, index: u8, now: Timestamp) -> Option<Timestamp> {
    match ledger.availability(&name(index), now) {
        Availability::CoolingDown { until, .. } => Some(until),
        _ => None,
    }
}

proptest! {
    /// Whatever else happens, a window that was promised lasts.
    #[test]
    fn a_cooldown_never_ends_early(steps in steps()) {
        let mut ledger = Ledger::default();
        let mut now = START;
        let mut promised = [None; 3];
        for step in &steps {
            apply(&mut ledger, step, &mut now);
            for (index, slot) in promised.iter_mut().enumerate() {
                let until = end(&ledger, u8::try_from(index).unwrap(), now);
                if let Some(earlier) = slot.filter(|earlier| *earlier > now) {
                    prop_assert!(until.is_some_and(|until| until >= earlier), "{step:?}: {until:?} < {earlier:?}");
                }
                *slot = until;
            }
        }
    }

    /// Nothing stays blocked: a day later every model may be used, if only as a probe.
    #[test]
    fn everything_heals(steps in steps()) {
        let mut ledger = Ledger::default();
        let mut now = START;
        for step in &steps {
            let probe_before = ledger.clone();
            apply(&mut ledger, step, &mut now);
            // Whoever takes a probe answers for it.
            if let Step::Begin(index) = step {
                let mut owner = probe_before;
                let probe = owner.begin(&name(*index), now);
                ledger.release(&name(*index), probe);
            }
        }
        let later = now.plus(Duration::from_secs(86_400));
        for index in 0..3 {
            prop_assert!(ledger.availability(&name(index), later).is_usable());
        }
    }

    /// A success of a request that began after everything else leaves nothing behind for its model.
    #[test]
    fn a_success_clears(steps in steps()) {
        let mut ledger = Ledger::default();
        let mut now = START;
        for step in &steps {
            apply(&mut ledger, step, &mut now);
        }
        let later = now.plus(Duration::from_secs(86_400));
        ledger.succeed(&name(0), later);
        prop_assert_eq!(ledger.availability(&name(0), later), Availability::Ready);
        prop_assert_eq!(ledger.level(&name(0)), 0);
    }

    /// No window outlasts what the policy allows.
    #[test]
    fn a_hint_never_blocks_longer_than_the_longest_cooldown(hint in 0_u64..100_000_000) {
        let mut ledger = Ledger::default();
        let evidence = Evidence::new(ErrorKind::RateLimited).with_retry_after(Some(Duration::from_secs(hint)));
        ledger.fail(&name(0), &Fault::new(evidence), &BackoffPolicy::default(), START);
        prop_assert!(ledger.availability(&name(0), START.plus(Duration::from_secs(1800))).is_usable());
    }
}
