namespace SelfJudge.Client.Reference;

/// <summary>Plain text in a page of Markdown.</summary>
internal static class Markdown
{
    /// <summary>Text that shows as it is.</summary>
    public static string Text(string text) => text.Replace("<", "&lt;").Replace("*", "\\*").Replace("_", "\\_").Replace("[", "\\[");

    /// <summary>Text within a cell of a table.</summary>
    public static string Cell(string text) => Text(text).Replace("|", "\\|");
}
