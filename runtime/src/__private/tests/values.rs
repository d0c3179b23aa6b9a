//! What is captured, and what is not.

use crate::pipeline::recorded::recorded;
use crate::{Context, Session, current_span, log};
use futures::executor::block_on;
use serde::Serialize;
use std::collections::BTreeMap;

/// Runs something in a trace of its own and returns its lines.
fn lines<R>(run: impl FnOnce() -> R) -> Vec<String> {
    recorded(|| drop(run()))
}

#[log(crate = crate)]
fn search(query: &str, top_k: usize, _filter: Option<&str>) -> Vec<String> {
    vec![query.to_owned(); top_k]
}

#[test]
fn arguments_are_recorded_in_the_order_of_their_declaration() {
    assert_eq!(
        lines(|| search("why?", 2, None)),
        [r#"start search under - query=why? top_k=2 filter="#, r#"ok search =["why?","why?"]"#]
    );
}

#[derive(Debug)]
struct OnlyDebug(#[allow(dead_code, reason = "Debug reads it")] u8);
#[derive(Serialize)]
struct Both {
    n: u8,
    api_key: &'static str,
}
struct Neither;

#[log(crate = crate)]
fn kinds(a: OnlyDebug, b: Both, c: Neither, d: impl Fn()) -> (bool, f64) {
    let _ = (a, b.n, b.api_key, c);
    d();
    (true, 0.5)
}

#[test]
fn each_value_is_recorded_in_the_best_way_its_type_allows() {
    let [start, end] = lines(|| kinds(OnlyDebug(1), Both { n: 2, api_key: "k" }, Neither, || ())).try_into().unwrap();
    assert!(start.contains(r#"a=OnlyDebug(1) b={"n":2,"api_key":"[redacted]"} c=galileo::"#), "{start}");
    assert!(start.ends_with("{{closure}}"), "{start}");
    assert_eq!(end, "ok kinds =[true,0.5]");
}

/// A value without `Debug` is tracing-attributes #2645, a value that is more than text #3451.
#[test]
fn tracing_2645_values_without_debug_need_no_skip() {
    #[log(crate = crate)]
    fn takes(value: Neither) -> Neither {
        value
    }
    let [start, end] = lines(|| takes(Neither)).try_into().unwrap();
    assert!(start.ends_with("Neither") && end.ends_with("Neither"), "{start}, {end}");
}

#[test]
fn tracing_3451_structured_values_stay_structured() {
    #[log(crate = crate)]
    fn takes(filter: BTreeMap<&str, Vec<u8>>) -> usize {
        filter.len()
    }
    assert_eq!(
        lines(|| takes(BTreeMap::from([("years", vec![1, 2])]))),
        [r#"start takes under - filter={"years":[1,2]}"#, "ok takes =1"]
    );
}

#[test]
fn tracing_1281_the_result_is_recorded_without_asking() {
    #[log(crate = crate)]
    fn answer() -> u8 {
        42
    }
    assert_eq!(lines(answer), ["start answer under -", "ok answer =42"]);
}

#[log(crate = crate)]
fn bounded<T: Serialize, U>(shown: T, named: U) -> T {
    drop(named);
    shown
}

#[test]
fn in_generic_functions_the_bounds_decide() {
    assert_eq!(
        lines(|| bounded(vec![1], vec![1])),
        ["start bounded under - shown=[1] named=alloc::vec::Vec<i32>", "ok bounded =[1]"]
    );
}

struct Engine {
    region: &'static str,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Engine in {}", self.region)
    }
}

impl Engine {
    #[log(crate = crate)]
    fn quiet(&self, n: u8) -> u8 {
        n
    }

    #[log(crate = crate, capture(self), name = "{self:?} #{n:02}")]
    fn shown(&self, n: u8) -> u8 {
        n
    }
}

#[test]
fn self_is_recorded_only_when_asked_for() {
    let engine = Engine { region: "eu" };
    assert_eq!(lines(|| engine.quiet(1)), ["start quiet under - n=1", "ok quiet =1"]);
    assert_eq!(
        lines(|| engine.shown(1)),
        ["start Engine in eu #01 under - self=Engine in eu n=1", "ok Engine in eu #01 =1"]
    );
}

#[log(crate = crate, redact(email), capture(token))]
fn login(user: &str, password: &str, api_key: String, email: &str, token: &str, max_tokens: u32) -> bool {
    [user, password, &api_key, email, token].iter().all(|text| text.len() < max_tokens as usize)
}

#[test]
fn parameters_that_look_like_secrets_are_redacted_unless_captured_by_name() {
    assert_eq!(
        lines(|| login("ada", "hunter2", "sk-1".into(), "a@b", "piece", 9)),
        [
            "start login under - user=ada password=[redacted] api_key=[redacted] email=[redacted] token=piece max_tokens=9",
            "ok login =true"
        ]
    );
}

#[test]
fn skipped_parameters_leave_no_trace() {
    #[log(crate = crate, skip(a), skip_output)]
    fn some(a: u8, b: u8) -> u8 {
        a + b
    }
    #[log(crate = crate, skip_all)]
    fn all(a: u8) -> u8 {
        a
    }
    assert_eq!(lines(|| some(1, 2)), ["start some under - b=2", "ok some"]);
    assert_eq!(lines(|| all(1)), ["start all under -", "ok all =1"]);
}

/// In tracing, `skip_all` with a bare field name records an empty field; here the two cannot be combined in silence, and an
/// expression is recorded whatever is skipped.
#[test]
fn tracing_2776_skip_all_with_fields_records_the_fields() {
    #[log(crate = crate, skip_all, metadata(query = query, length = query.len()))]
    fn find(query: &str) -> usize {
        query.len()
    }
    assert_eq!(lines(|| find("ab")), ["start find under - query=ab length=2", "ok find =2"]);
}

#[test]
fn a_mapped_input_replaces_the_arguments_and_nothing_leaks() {
    #[log(crate = crate, input = query.to_uppercase(), output = |r| r.len())]
    fn find(query: &str, password: &str) -> String {
        format!("{query}{password}")
    }
    assert_eq!(lines(|| find("ab", "secret")), ["start find under - =AB", "ok find =8"]);
}

#[test]
fn arguments_named_like_fields_fill_them_and_leave_the_input() {
    #[log(crate = crate, span_type = "llm")]
    fn ask(model: &str, temperature: f64, tags: Vec<&str>, metadata: BTreeMap<&str, u8>, prompt: &str) -> String {
        format!("{model}{temperature}{tags:?}{metadata:?}{prompt}")
    }
    let [start, _] = lines(|| ask("gpt", 0.5, vec!["a", "b"], BTreeMap::from([("k", 1)]), "hi")).try_into().unwrap();
    assert_eq!(start, "start ask under - =gpt = =a =b k=1 prompt=hi");
}

#[test]
fn arguments_named_like_fields_of_other_span_types_stay_arguments() {
    #[log(crate = crate, span_type = "tool")]
    fn run(model: &str, tool_call_id: &str) -> usize {
        model.len() + tool_call_id.len()
    }
    assert_eq!(lines(|| run("m", "c")), ["start run under - model=m =c", "ok run =2"]);
}

#[test]
fn tags_and_metadata_take_any_value() {
    #[log(crate = crate, tags = ["rag", region, tries], metadata(region = region, "a key" = tries + 1, api_key = region))]
    fn go(region: &str, tries: u8) -> usize {
        region.len() + usize::from(tries)
    }
    #[log(crate = crate, skip_all, tags = all.split(','))]
    fn spread(all: &str) {
        let _ = all;
    }
    assert_eq!(
        lines(|| go("eu", 3))[0],
        "start go under - region=eu tries=3 =rag =eu =3 region=eu a key=4 api_key=[redacted]"
    );
    assert!(lines(|| spread("a,b"))[0].contains("Split"), "an iterator is no list");
}

#[test]
fn what_is_known_of_the_result_goes_where_it_belongs() {
    #[log(
        crate = crate,
        span_type = "llm",
        model = "gpt",
        output = |answer| answer.0,
        usage = |answer| (answer.1, answer.2),
        status_code = |_| 203,
        cache_hit = |answer| answer.1 == 0,
    )]
    fn ask() -> (&'static str, u64, u64) {
        ("hello", 3, 4)
    }
    assert_eq!(
        lines(ask),
        [
            "start ask under - =gpt",
            "ok ask =hello =203 num_input_tokens=3 num_output_tokens=4 num_total_tokens=7 cache.hit=false"
        ]
    );
}

#[test]
fn the_running_span_can_be_added_to() {
    #[log(crate = crate)]
    fn outer() {
        current_span().tag("slow").metadata("rows", 3);
        inner();
    }
    #[log(crate = crate)]
    fn inner() {
        current_span().set_output("mine");
    }
    assert_eq!(
        lines(outer),
        [
            "start outer under -",
            "note outer =slow",
            "note outer rows=3",
            "start inner under outer",
            "note inner =mine",
            "ok inner",
            "ok outer"
        ]
    );
}

#[log(crate = crate, parent = parent)]
fn under(parent: &Context) {
    #[log(crate = crate)]
    fn inner() {}
    inner();
}

#[log(crate = crate, parent = parent)]
async fn under_later(parent: Option<Context>) -> u8 {
    current_span().tag("t");
    1
}

#[test]
fn a_parent_can_be_given() {
    #[log(crate = crate)]
    fn first() -> Context {
        Context::current()
    }
    #[log(crate = crate, skip(context))]
    fn second(context: &Context) {
        under(context);
        block_on(under_later(Some(context.clone())));
        block_on(under_later(None));
        under(&Context::root());
    }
    let lines = lines(|| second(&first()));
    let starts: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("start ")).collect();
    assert_eq!(
        starts,
        [
            "first under -",
            "second under -",
            "under under first",
            "inner under under",
            "under_later under first",
            "under_later under second",
            "under under -",
            "inner under under",
        ]
    );
}

#[test]
fn a_session_can_be_given() {
    #[log(crate = crate, session = chat)]
    fn by_id(chat: &str) {
        let _ = chat;
    }
    #[log(crate = crate, session = Session::with_id("s-1"))]
    async fn known() {}
    assert_eq!(lines(|| by_id("chat-1")), ["start by_id under - external_id=chat-1", "ok by_id"]);
    assert_eq!(lines(|| block_on(known())), ["start known under - =s-1", "ok known"]);
}

#[test]
fn expressions_that_panic_cost_the_record_and_not_the_program() {
    #[log(crate = crate, input = text[5..].len(), output = |n| 1 / n)]
    fn fragile(text: &str) -> usize {
        text.len() - 2
    }
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let recorded = lines(|| assert_eq!(fragile("ab"), 0));
    std::panic::set_hook(hook);
    assert_eq!(recorded, ["start fragile under -", "ok fragile galileo.capture=panicked"]);
}
