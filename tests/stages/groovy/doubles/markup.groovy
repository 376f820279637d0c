package hudson.markup

class RawHtmlMarkupFormatter {
    static final Map PARAMETERS = [disableSyntaxHighlighting: boolean]
    boolean disableSyntaxHighlighting
}

class EscapedMarkupFormatter {}
