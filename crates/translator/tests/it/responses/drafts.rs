//! Drafts of pictures: who reads the stream sees them grow, a whole reply has the last one. Source: translation.md B73, B75.

use serde_json::{Value, json};

use super::{CC, CX, RS, aggregated, context, sse, types, written};

fn draft(id: &str, index: u32, data: &str) -> Value {
    json!({"type":"response.image_generation_call.partial_image","item_id":id,"output_index":index,"partial_image_b64":data,"output_format":"png"})
}

fn done(id: &str, index: u32, data: &str) -> Value {
    json!({"type":"response.output_item.done","output_index":index,
        "item":{"type":"image_generation_call","id":id,"status":"completed","result":data,"output_format":"webp"}})
}

fn end() -> Value {
    json!({"type":"response.completed","response":{"id":"resp_1","model":"m","status":"completed","output":[]}})
}

#[test]
fn a_whole_reply_has_pictures_and_not_their_drafts() {
    let png = |data: &str| format!("data:image/png;base64,{data}");
    let webp = |data: &str| format!("data:image/webp;base64,{data}");
    for (events, expected) in [
        (vec![draft("a", 0, "QUFB"), draft("a", 0, "QkJC"), done("a", 0, "Q0ND")], vec![webp("Q0ND")]),
        // The last draft is the picture.
        (vec![draft("a", 0, "QUFB"), draft("a", 0, "QkJC"), done("a", 0, "QkJC")], vec![png("QkJC")]),
        // It never was whole.
        (vec![draft("a", 0, "QUFB"), draft("a", 0, "QkJC")], vec![png("QkJC")]),
        (
            vec![
                draft("a", 0, "QUFB"),
                draft("b", 1, "RERE"),
                draft("a", 0, "QkJC"),
                done("b", 1, "RUVF"),
                done("a", 0, "Q0ND"),
            ],
            vec![webp("RUVF"), webp("Q0ND")],
        ),
        (vec![done("a", 0, "QUFB"), done("b", 1, "QkJC")], vec![webp("QUFB"), webp("QkJC")]),
    ] {
        let mut all = events;
        all.push(end());
        let whole = aggregated(CX, CC, &context(), &all);
        let images = whole["choices"][0]["message"]["images"].as_array().unwrap();
        let urls: Vec<_> = images.iter().map(|image| image["image_url"]["url"].as_str().unwrap()).collect();
        assert_eq!(urls, expected, "{all:?}");
        let whole = aggregated(CX, RS, &context(), &all);
        assert_eq!(types(&whole), vec!["image_generation_call"; expected.len()]);
        // The stream shows all that came.
        let out = written(CX, CC, &context(), &sse(&all)).unwrap();
        for event in &all {
            let data = event["partial_image_b64"].as_str().or(event["item"]["result"].as_str());
            assert!(data.is_none_or(|data| out.contains(data)), "{out}");
        }
    }
}
