//! A small part of JQL: conditions joined by AND, then perhaps an order that is not needed here.

use crate::sim::facts::jira::Issue;

/// A condition on one field.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    field: String,
    operator: Operator,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Is,
    IsNot,
    Contains,
    ContainsNot,
    /// `changed to X`, with or without `after DAY`.
    ChangedTo,
}

/// A query that can be asked of issues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query(Vec<Condition>);

const FIELDS: [&str; 11] = [
    "key",
    "issuekey",
    "project",
    "status",
    "summary",
    "issuetype",
    "labels",
    "priority",
    "parent",
    "assignee",
    "target version",
];

impl Query {
    /// Reads JQL; the error is what Jira says about it.
    pub(super) fn parse(jql: &str) -> Result<Self, String> {
        let tokens = tokens(jql)?;
        let mut rest = tokens.as_slice();
        if let Some(at) = rest.windows(2).position(|pair| pair[0].is("order") && pair[1].is("by")) {
            rest = &rest[..at];
        }
        if rest.is_empty() {
            return Err(
                "Unbounded JQL queries are not allowed here. Please add a search restriction to your query.".to_owned()
            );
        }
        let mut conditions = Vec::new();
        loop {
            let (condition, left) = condition(rest)?;
            conditions.push(condition);
            match left.split_first() {
                None => return Ok(Self(conditions)),
                Some((token, left)) if token.is("and") => rest = left,
                Some((token, _)) => {
                    return Err(format!("Error in the JQL Query: Expecting either 'AND' but got '{}'.", token.text));
                }
            }
        }
    }

    /// Keys that are asked for by name.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(|condition| condition.operator == Operator::Is && condition.field.ends_with("key"))
            .flat_map(|condition| condition.values.iter().map(String::as_str))
    }

    /// Whether an issue meets all conditions.
    pub(super) fn matches(&self, issue: &Issue) -> bool {
        self.0.iter().all(|condition| condition.matches(issue))
    }
}

impl Condition {
    fn matches(&self, issue: &Issue) -> bool {
        let has: Vec<&str> = match self.field.as_str() {
            "key" | "issuekey" => vec![&issue.key],
            "project" => vec![issue.project()],
            "status" => vec![&issue.status],
            "summary" => vec![&issue.summary],
            "issuetype" => vec![&issue.kind],
            "labels" => issue.labels.iter().map(String::as_str).collect(),
            "priority" => vec![&issue.priority],
            "parent" => issue.parent.iter().map(String::as_str).collect(),
            "assignee" => issue.assignee.iter().map(String::as_str).collect(),
            "target version" => issue.target_version.iter().map(String::as_str).collect(),
            _ => Vec::new(),
        };
        let equal = || {
            self.values.iter().any(|value| {
                let empty = value.eq_ignore_ascii_case("empty") || value.eq_ignore_ascii_case("null");
                (empty && has.is_empty()) || has.iter().any(|has| has.eq_ignore_ascii_case(value))
            })
        };
        let contains = || {
            let text = tokens_of(&has.join(" "));
            self.values.iter().all(|value| tokens_of(value).iter().all(|token| text.contains(token)))
        };
        match self.operator {
            Operator::Is => equal(),
            Operator::IsNot => !equal(),
            Operator::Contains => contains(),
            Operator::ContainsNot => !contains(),
            Operator::ChangedTo => self.changed_to(issue),
        }
    }

    fn changed_to(&self, issue: &Issue) -> bool {
        let after = self.values.get(1).map_or("", String::as_str);
        issue.changes.iter().any(|change| {
            change.field == self.field
                && self.values.first().is_some_and(|to| change.to.eq_ignore_ascii_case(to))
                && change.created.to_string().as_str() > after
        })
    }
}

/// Text search goes by words, not by characters.
fn tokens_of(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '.' && c != '_')
        .filter(|token| !token.is_empty())
        .map(str::to_lowercase)
        .collect()
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    text: String,
    quoted: bool,
}

impl Token {
    fn is(&self, keyword: &str) -> bool {
        !self.quoted && self.text.eq_ignore_ascii_case(keyword)
    }
}

fn tokens(jql: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut rest = jql.chars().peekable();
    while let Some(c) = rest.next() {
        if c.is_whitespace() {
            continue;
        }
        if c == '"' || c == '\'' {
            let mut text = String::new();
            loop {
                match rest.next() {
                    Some(end) if end == c => break,
                    Some('\\') => text.extend(rest.next()),
                    Some(other) => text.push(other),
                    None => return Err("Error in the JQL Query: The quoted string has not been completed.".to_owned()),
                }
            }
            found.push(Token { text, quoted: true });
        } else if matches!(c, '(' | ')' | ',') {
            found.push(Token { text: c.to_string(), quoted: false });
        } else if matches!(c, '=' | '~' | '!') {
            let mut text = c.to_string();
            if c == '!' {
                text.extend(rest.next_if(|c| matches!(c, '=' | '~')));
            }
            found.push(Token { text, quoted: false });
        } else {
            let mut text = c.to_string();
            while let Some(c) = rest.next_if(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | ',' | '=' | '~' | '!'))
            {
                text.push(c);
            }
            found.push(Token { text, quoted: false });
        }
    }
    Ok(found)
}

fn condition(tokens: &[Token]) -> Result<(Condition, &[Token]), String> {
    let cut = || "Error in the JQL Query: Expecting operator before the end of the query.".to_owned();
    let (field, rest) = tokens.split_first().ok_or_else(cut)?;
    let name = field.text.to_lowercase();
    if !FIELDS.contains(&name.as_str()) {
        return Err(format!("Field '{}' does not exist or you do not have permission to view it.", field.text));
    }
    let (first, rest) = rest.split_first().ok_or_else(cut)?;
    let (operator, rest) = if first.text == "=" {
        (Operator::Is, rest)
    } else if first.text == "!=" {
        (Operator::IsNot, rest)
    } else if first.text == "~" {
        (Operator::Contains, rest)
    } else if first.text == "!~" {
        (Operator::ContainsNot, rest)
    } else if first.is("in") {
        (Operator::Is, rest)
    } else if (first.is("not") && next_is(rest, "in")) || (first.is("is") && next_is(rest, "not")) {
        (Operator::IsNot, &rest[1..])
    } else if first.is("is") {
        (Operator::Is, rest)
    } else if first.is("changed") && next_is(rest, "to") {
        (Operator::ChangedTo, &rest[1..])
    } else {
        return Err(format!("Error in the JQL Query: Expecting operator but got '{}'.", first.text));
    };
    let (mut values, mut rest) = values(rest)?;
    if operator == Operator::ChangedTo && next_is(rest, "after") {
        let day = rest.get(1).ok_or_else(cut)?;
        values.push(day.text.clone());
        rest = &rest[2..];
    }
    Ok((Condition { field: name, operator, values }, rest))
}

fn next_is(rest: &[Token], keyword: &str) -> bool {
    rest.first().is_some_and(|token| token.is(keyword))
}

fn values(tokens: &[Token]) -> Result<(Vec<String>, &[Token]), String> {
    let cut = || "Error in the JQL Query: Expecting a value before the end of the query.".to_owned();
    let (first, rest) = tokens.split_first().ok_or_else(cut)?;
    if first.quoted || first.text != "(" {
        return Ok((vec![first.text.clone()], rest));
    }
    let end = rest.iter().position(|token| !token.quoted && token.text == ")").ok_or_else(cut)?;
    let values =
        rest[..end].iter().filter(|token| token.quoted || token.text != ",").map(|token| token.text.clone()).collect();
    Ok((values, &rest[end + 1..]))
}
