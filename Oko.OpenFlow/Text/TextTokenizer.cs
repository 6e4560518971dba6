namespace Oko.OpenFlow.Text;

/// <summary>One <c>key</c>, <c>key=value</c>, <c>key:value</c> or <c>key(value)</c> of a flow.</summary>
/// <param name="Key">What stands before the delimiter.</param>
/// <param name="Value">What stands after it, without the outer parentheses; null when there is none.</param>
internal readonly record struct TextToken(string Key, string? Value)
{
    /// <summary>The value.</summary>
    /// <exception cref="FormatException">There is none.</exception>
    public string RequireValue(string example) =>
        string.IsNullOrEmpty(Value) ? throw new FormatException($"{Key} needs a value; write for instance {example}") : Value;
}

/// <summary>
/// Cuts the parts of a flow at commas and blanks, as <c>ovs-ofctl</c> does: parentheses hold their commas together, a value ends
/// at a comma or blank outside parentheses. On the stack, one thread.
/// </summary>
internal ref struct TextTokenizer
{
    private const string Separators = ", \t\r\n";

    private readonly ReadOnlySpan<char> _text;
    private int _at;

    /// <summary>Cuts the text given.</summary>
    public TextTokenizer(ReadOnlySpan<char> text)
    {
        _text = text;
        _at = 0;
        ValueStart = 0;
    }

    /// <summary>Where the value of the part read last begins.</summary>
    public int ValueStart { get; private set; }

    /// <summary>Reads the next part; false at the end.</summary>
    /// <exception cref="FormatException">A parenthesis is not closed.</exception>
    public bool TryRead(out TextToken token)
    {
        while (_at < _text.Length && Separators.Contains(_text[_at]))
        {
            _at++;
        }

        token = default;
        if (_at == _text.Length)
        {
            return false;
        }

        var start = _at;
        while (_at < _text.Length && !EndsKey(_text[_at]))
        {
            _at++;
        }

        var key = _text[start.._at].ToString();
        if (_at == _text.Length || Separators.Contains(_text[_at]))
        {
            token = new TextToken(key, null);
            return true;
        }

        if (_text[_at] == '(')
        {
            var end = ValueEnd(_at);
            token = new TextToken(key, _text[(_at + 1)..(end - 1)].ToString());
            _at = end;
            return true;
        }

        ValueStart = ++_at;
        _at = ValueEnd(ValueStart);
        token = new TextToken(key, _text[ValueStart.._at].ToString());
        return true;
    }

    private static bool EndsKey(char character) => character is '=' or ':' or '(' || Separators.Contains(character);

    /// <summary>First place at or after the start where no parenthesis is open and a separator stands; after ")" when one opens first.</summary>
    private readonly int ValueEnd(int start)
    {
        var depth = 0;
        var at = start;
        for (; at < _text.Length; at++)
        {
            var character = _text[at];
            if (depth == 0 && Separators.Contains(character))
            {
                return at;
            }

            depth += character == '(' ? 1 : character == ')' ? -1 : 0;
            if (depth < 0)
            {
                throw new FormatException($"')' without '(' in \"{_text[start..]}\"");
            }

            if (depth == 0 && character == ')' && _text[start] == '(')
            {
                return at + 1;
            }
        }

        return depth == 0 ? at : throw new FormatException($"'(' is not closed in \"{_text[start..]}\"; add ')'");
    }
}
