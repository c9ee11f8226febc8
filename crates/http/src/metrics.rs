//! Request metrics by route. Handles are looked up in the recorder once per route, method and status class, and
//! kept; a request only counts.
//!
//! The recorder must be installed before the router is made, or nothing is counted.

use std::{sync::OnceLock, time::Duration};

use http::{Method, StatusCode};
use metrics::{Counter, Histogram};

const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "other"];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Finds a path's route pattern and counts there. Patterns have whole segments as parameters only.
pub(crate) struct RouteTable {
    root: Node,
    routes: Vec<RouteMetrics>,
}

#[derive(Default)]
struct Node {
    literals: Vec<(Box<str>, Node)>,
    parameter: Option<Box<Node>>,
    route: Option<usize>,
}

struct RouteMetrics {
    pattern: String,
    by_method: [MethodMetrics; METHODS.len()],
}

#[derive(Default)]
struct MethodMetrics {
    requests: [OnceLock<Counter>; CLASSES.len()],
    seconds: OnceLock<Histogram>,
}

impl RouteMetrics {
    fn new(pattern: &str) -> Self {
        Self { pattern: pattern.to_owned(), by_method: Default::default() }
    }
}

impl RouteTable {
    /// A table of patterns such as `/v1/teams/{teamid}`.
    pub(crate) fn new<'a>(patterns: impl Iterator<Item = &'a str>) -> Self {
        // Place 0 is for paths of no route: what a client makes up must not become a label.
        let mut table = Self { root: Node::default(), routes: vec![RouteMetrics::new("none")] };
        for pattern in patterns {
            let mut node = &mut table.root;
            for segment in pattern.split('/').skip(1) {
                node = node.child(segment);
            }
            node.route = Some(table.routes.len());
            table.routes.push(RouteMetrics::new(pattern));
        }
        table
    }

    fn find(&self, path: &str) -> &RouteMetrics {
        let mut node = Some(&self.root);
        for segment in path.split('/').skip(1) {
            node = node.and_then(|node| {
                let literal = node.literals.iter().find(|(text, _)| **text == *segment).map(|(_, node)| node);
                literal.or(node.parameter.as_deref())
            });
        }
        &self.routes[node.and_then(|node| node.route).unwrap_or(0)]
    }

    /// Counts a request.
    pub(crate) fn record(&self, method: &Method, path: &str, status: StatusCode, elapsed: Duration) {
        let route = self.find(path);
        let method = METHODS.iter().position(|m| *m == method.as_str()).unwrap_or(METHODS.len() - 1);
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        let handles = &route.by_method[method];
        let requests = handles.requests[class].get_or_init(|| {
            metrics::counter!(
                "boobook_http_requests_total",
                "method" => METHODS[method], "route" => route.pattern.clone(), "status" => CLASSES[class]
            )
        });
        requests.increment(1);
        let seconds = handles.seconds.get_or_init(|| {
            metrics::histogram!(
                "boobook_http_request_seconds",
                "method" => METHODS[method], "route" => route.pattern.clone()
            )
        });
        seconds.record(elapsed.as_secs_f64());
    }
}

impl Node {
    fn child(&mut self, segment: &str) -> &mut Node {
        if segment.starts_with('{') {
            return self.parameter.get_or_insert_default();
        }
        let at = self.literals.iter().position(|(text, _)| **text == *segment);
        let at = at.unwrap_or_else(|| {
            self.literals.push((segment.into(), Node::default()));
            self.literals.len() - 1
        });
        &mut self.literals[at].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_found() {
        let patterns =
            ["/healthz", "/v1/teams", "/v1/teams/{t}", "/v1/teams/{t}/databases", "/v1/x/{a}/records/delete"];
        let table = RouteTable::new(patterns.into_iter());
        for (path, pattern) in [
            ("/healthz", "/healthz"),
            ("/v1/teams", "/v1/teams"),
            ("/v1/teams/abc", "/v1/teams/{t}"),
            ("/v1/teams/a%2Fb/databases", "/v1/teams/{t}/databases"),
            ("/v1/teams/a/databases/c", "none"),
            ("/v1/x/1/records/delete", "/v1/x/{a}/records/delete"),
            ("/", "none"),
            ("", "none"),
        ] {
            assert_eq!(table.find(path).pattern, pattern, "{path}");
        }
    }
}
