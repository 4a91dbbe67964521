use std::sync::Arc;

use tokio::sync::Notify;

use crate::formats::rows;
use crate::support::{Edge, Step, impatient, steps, streaming, whole};

#[tokio::test]
async fn what_has_begun_ends_in_its_own_time_while_the_server_drains() {
    let edge = Edge::start().await;
    let row = &rows()[0];
    let go = Arc::new(Notify::new());
    let gate = Arc::clone(&go);
    edge.dispatcher.answer(move |_| {
        let script = [Step::Say("data: 1\n\n"), Step::Until(Arc::clone(&gate)), Step::Say("data: 2\n\n")];
        async move { streaming(steps(script)) }
    });
    let mut reply = edge.client().post(row.path, &(row.body)(true)).await;
    reply.event().await.unwrap();
    edge.shutdown.start();
    go.notify_one();
    assert_eq!(reply.events().await.last().unwrap().data, "2");
    edge.ended.await.unwrap();
}

#[tokio::test]
async fn at_the_deadline_a_stream_ends_with_an_error_in_its_own_format() {
    for row in rows() {
        let edge = Edge::start().await;
        edge.dispatcher.answer(|_| async { streaming(steps([Step::Say("data: 1\n\n"), Step::Never])) });
        let mut reply = edge.client().post(row.stream_path, &(row.body)(true)).await;
        reply.event().await.unwrap();
        edge.shutdown.hurry();
        let last = reply.events().await.pop().unwrap();
        assert!(last.data.starts_with("farewell: the server is shutting down"), "{}", last.data);
        edge.ended.await.unwrap();
    }
}

#[tokio::test]
async fn who_waits_for_an_answer_at_the_deadline_is_told_to_come_back() {
    for row in rows() {
        for stream in [false, true] {
            let edge = Edge::start().await;
            let begun = Arc::new(Notify::new());
            let tell = Arc::clone(&begun);
            edge.dispatcher.answer(move |_| {
                let tell = Arc::clone(&tell);
                async move {
                    tell.notify_one();
                    std::future::pending().await
                }
            });
            let client = edge.client();
            let body = (row.body)(stream);
            let call = client.post(row.path_for(stream), &body);
            let hurry = async {
                begun.notified().await;
                edge.shutdown.hurry();
            };
            let (reply, ()) = tokio::join!(call, hurry);
            assert_eq!((reply.status(), reply.header("retry-after")), (503, Some("1")), "{}", row.path);
            assert!(row.message(503, &reply.json().await).contains("shutting down"));
        }
    }
}

#[tokio::test]
async fn who_was_kept_waiting_by_signs_of_life_is_told_in_the_body() {
    for row in rows() {
        for stream in [false, true] {
            let edge = Edge::with_options(impatient()).await;
            edge.dispatcher.answer(|_| std::future::pending());
            let mut reply = edge.client().post(row.path_for(stream), &(row.body)(stream)).await;
            reply.chunk().await.unwrap().unwrap();
            edge.shutdown.hurry();
            let rest = reply.text().await;
            assert!(rest.contains("shutting down"), "{} {stream}: {rest}", row.path);
            edge.ended.await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_request_on_a_connection_that_lives_on_is_answered_before_it_closes() {
    let edge = Edge::start().await;
    edge.dispatcher.answer(|_| async { whole("{}") });
    let row = &rows()[0];
    assert_eq!(edge.client().post(row.path, &(row.body)(false)).await.status(), 200);
    edge.shutdown.start();
    edge.ended.await.unwrap();
    assert!(tokio::net::TcpStream::connect(edge.address).await.is_err(), "nobody listens any more");
}
