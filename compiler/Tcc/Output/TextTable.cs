using Spectre.Console;

namespace TransformerCc.Tool.Output;

/// <summary>A plain table: no colours, no box characters, the same on a terminal and in a file.</summary>
internal sealed class TextTable
{
    /// <summary>Wide enough that rows never wrap: a script reads them line by line.</summary>
    private const int Width = 400;

    private readonly Table _table = new Table().Border(TableBorder.None);
    private bool _hasRows;

    /// <param name="columns">Headings; one that begins with '>' is aligned to the right.</param>
    public TextTable(params string[] columns)
    {
        foreach (string column in columns)
        {
            bool right = column.StartsWith('>');
            var tableColumn = new TableColumn(new Text(right ? column[1..] : column)) { Padding = new Padding(0, 0, 2, 0), NoWrap = true };
            _table.AddColumn(right ? tableColumn.RightAligned() : tableColumn.LeftAligned());
        }
    }

    public void Add(params string[] cells)
    {
        _hasRows = true;
        _table.AddRow(cells.Select(c => new Text(c)));
    }

    public void Write(TextWriter output)
    {
        if (!_hasRows)
        {
            return;
        }
        using var text = new StringWriter();
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(text),
        });
        console.Profile.Width = Width;
        console.Write(_table);
        foreach (string line in text.ToString().TrimEnd().Split('\n'))
        {
            output.WriteLine(line.TrimEnd());
        }
    }
}
