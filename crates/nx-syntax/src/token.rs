//! The words and signs of NX.

use crate::span::Span;

/// A token: what it is and where. Its text is in the source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
    /// For a bracket that has its counterpart: the counterpart's place among the tokens. Otherwise 0, which no
    /// counterpart of an opening bracket can be.
    pub(crate) partner: u32,
}

macro_rules! tokens {
    (
        words { $($word:ident = $word_text:literal,)+ }
        signs { $($sign:ident = $sign_text:literal,)+ }
        others { $($other:ident = $other_text:literal,)+ }
    ) => {
        /// What a token is. Words that are keywords only in some places (`to`, `step`, `case`, …) are `Name`s.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum TokenKind { $($word,)+ $($sign,)+ $($other,)+ }

        /// The reserved words.
        pub const RESERVED: &[&str] = &[$($word_text),+];

        impl TokenKind {
            /// The reserved word that `text` is.
            pub(crate) fn reserved(text: &str) -> Option<Self> {
                match text { $($word_text => Some(Self::$word),)+ _ => None }
            }

            /// The kind in a message: words and signs as they are written, others described.
            pub(crate) fn describe(self) -> &'static str {
                match self {
                    $(Self::$word => concat!("`", $word_text, "`"),)+
                    $(Self::$sign => concat!("`", $sign_text, "`"),)+
                    $(Self::$other => $other_text,)+
                }
            }
        }
    };
}

tokens! {
    words {
        Let = "let", Var = "var", If = "if", Then = "then", Else = "else", End = "end", Switch = "switch",
        Do = "do", For = "for", While = "while", Function = "function", Select = "select", Where = "where",
        Order = "order", Create = "create", Delete = "delete", Duplicate = "duplicate", This = "this",
        True = "true", False = "false", Yes = "yes", No = "no", Null = "null", Void = "void", And = "and",
        Or = "or", Not = "not", Like = "like", Break = "break",
    }
    signs {
        Assign = ":=", Equal = "=", NotEqual = "!=", Less = "<", LessEqual = "<=", Greater = ">",
        GreaterEqual = ">=", Plus = "+", Minus = "-", Star = "*", Slash = "/", Percent = "%",
        LeftParen = "(", RightParen = ")", LeftBracket = "[", RightBracket = "]", LeftBrace = "{",
        RightBrace = "}", Comma = ",", Semicolon = ";", Colon = ":", Dot = ".", TemplateStart = "---",
    }
    others {
        Name = "a name", QuotedName = "a name", Number = "a number", Text = "a text",
        TemplateText = "template text", HoleStart = "`{`", HoleEnd = "`}`",
        TemplateEnd = "the end of the template", EndOfScript = "the end of the script",
    }
}

impl TokenKind {
    /// Whether an operand may begin with this token.
    pub(crate) fn starts_operand(self) -> bool {
        use TokenKind::*;
        matches!(
            self,
            Name | QuotedName
                | Number
                | Text
                | TemplateStart
                | LeftParen
                | LeftBracket
                | LeftBrace
                | Minus
                | Plus
                | Not
                | If
                | Switch
                | Do
                | For
                | While
                | Select
                | Create
                | Delete
                | Duplicate
                | This
                | True
                | False
                | Yes
                | No
                | Null
                | Void
                | Break
        )
    }

    /// Whether an operand may end with this token.
    pub(crate) fn ends_operand(self) -> bool {
        use TokenKind::*;
        matches!(
            self,
            Name | QuotedName
                | Number
                | Text
                | TemplateEnd
                | RightParen
                | RightBracket
                | RightBrace
                | End
                | This
                | True
                | False
                | Yes
                | No
                | Null
                | Void
                | Break
        )
    }

    /// Whether no statement begins with this token and a block ends before it.
    pub(crate) fn ends_block(self) -> bool {
        use TokenKind::*;
        matches!(
            self,
            EndOfScript
                | End
                | Else
                | Then
                | RightParen
                | RightBracket
                | RightBrace
                | HoleEnd
                | TemplateEnd
                | Comma
        )
    }
}
