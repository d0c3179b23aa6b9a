//! The traced program: what the functions do whether they are traced or not.

use std::future::Future;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

/// 200 bytes in.
pub const QUESTION: &str = "What did Galileo Galilei observe with his telescope in January 1610, in which order did he note the 4 \
moons of Jupiter, and what did he write to \"Signor Belisario Vinta\" about it soon after? Be brief!";

/// 500 bytes out.
pub const ANSWER: &str = "In January 1610 Galileo saw three, then four small stars beside Jupiter that changed their places from night \
to night.\nHe concluded that they move around the planet, wrote of \"four planets never seen from the beginning of the world\" and \
named them the Medicean stars. He also reported the discovery to Florence on 30 January and published it in the Sidereus Nuncius on 13 \
March, with sixty-five drawings of their positions between 7 January and 2 March, made on every night that was clear over Padua.";

/// The body of the functions with values.
#[inline(never)]
pub fn answer(question: &str, limit: u32) -> String {
    black_box((question, limit));
    ANSWER.to_owned()
}

/// A future that is pending once.
pub async fn pause() {
    struct Once(bool);
    impl Future for Once {
        type Output = ();
        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            if std::mem::replace(&mut self.0, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    }
    Once(false).await;
}

/// The least executor there is, so that what is measured is the future.
pub fn block_on<F: Future>(future: F) -> F::Output {
    // Behind a pointer that the compiler cannot see through, as futures are under a real executor.
    let future: Pin<&mut dyn Future<Output = F::Output>> = pin!(future);
    let mut future = black_box(future);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_are_those_of_the_table() {
        assert_eq!((super::QUESTION.len(), super::ANSWER.len()), (200, 500));
    }
}
