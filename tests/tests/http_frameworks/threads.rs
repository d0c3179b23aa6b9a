//! Pools of threads that know nothing of contexts.

use galileo::{Context, Span};

use super::{traced, tree_of};

#[tokio::test]
async fn a_pool_of_rayon_works_in_the_context_it_is_given() {
    let (trace, _) = traced(async {
        let context = Context::current();
        let work = move || {
            let (first, second) = (context.clone(), context.clone());
            rayon::join(
                first.wrap(|| Span::tool("first").in_scope(|| ())),
                second.wrap(|| Span::tool("second").in_scope(|| ())),
            );
            rayon::scope(|scope| {
                scope.spawn(|_| {
                    // A closure that runs many times takes the context at each run.
                    let _inside = context.attach();
                    Span::tool("third").in_scope(|| ());
                });
            });
        };
        tokio::task::spawn_blocking(work).await.expect("ran");
    })
    .await;
    let mut lines: Vec<String> = tree_of(&trace, 4).await.lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["  tool first ok 200", "  tool second ok 200", "  tool third ok 200", "workflow ask ok 200"]);
}
