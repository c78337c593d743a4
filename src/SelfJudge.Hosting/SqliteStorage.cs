using Microsoft.Data.Sqlite;

namespace SelfJudge.Hosting;

/// <summary>
/// A SQLite file as the store of Orleans' ADO.NET grain storage. The provider brings no schema for it, so this one is
/// ours: one row per grain state, and the queries by the names under which the provider looks them up.
/// </summary>
public static class SqliteStorage
{
    /// <summary>The provider's name for SQLite.</summary>
    public const string Invariant = "System.Data.SQLite";

    private const string Key = "GrainIdHash, GrainTypeHash, GrainIdN0, GrainIdN1, GrainTypeString, GrainIdExtensionString, ServiceId";
    private const string KeyValues =
        "@GrainIdHash, @GrainTypeHash, @GrainIdN0, @GrainIdN1, @GrainTypeString, coalesce(@GrainIdExtensionString, ''), @ServiceId";

    // A write or a clear that finds another version than it expects changes nothing and returns the version it was
    // given, by which the provider knows that the states differ.
    private static readonly Dictionary<string, string> Queries = new()
    {
        ["ReadFromStorageKey"] = $"SELECT PayloadBinary, Version FROM OrleansStorage WHERE ({Key}) = ({KeyValues});",
        ["WriteToStorageKey"] = $"""
            INSERT INTO OrleansStorage ({Key}, PayloadBinary, ModifiedOn, Version)
            SELECT {KeyValues}, @PayloadBinary, datetime('now'), 1
            WHERE @GrainStateVersion IS NULL OR EXISTS (SELECT 1 FROM OrleansStorage WHERE ({Key}) = ({KeyValues}))
            ON CONFLICT ({Key}) DO UPDATE SET PayloadBinary = excluded.PayloadBinary, ModifiedOn = excluded.ModifiedOn, Version = Version + 1
            WHERE Version = @GrainStateVersion
            RETURNING Version AS NewGrainStateVersion;
            SELECT @GrainStateVersion AS NewGrainStateVersion WHERE changes() = 0;
            """,
        ["ClearStorageKey"] = $"""
            UPDATE OrleansStorage SET PayloadBinary = NULL, ModifiedOn = datetime('now'), Version = Version + 1
            WHERE ({Key}) = ({KeyValues}) AND Version = @GrainStateVersion
            RETURNING Version AS NewGrainStateVersion;
            SELECT @GrainStateVersion AS NewGrainStateVersion WHERE changes() = 0;
            """,
    };

    /// <summary>Creates the file where it is missing, and returns its connection string.</summary>
    /// <exception cref="IOException">The file cannot be created or is not a database.</exception>
    public static string Prepare(string path)
    {
        var connectionString = new SqliteConnectionStringBuilder { DataSource = path }.ToString();
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            using var connection = new SqliteConnection(connectionString);
            connection.Open();
            Execute(connection, $"""
                PRAGMA journal_mode = WAL;
                CREATE TABLE IF NOT EXISTS OrleansQuery (QueryKey TEXT PRIMARY KEY, QueryText TEXT NOT NULL);
                CREATE TABLE IF NOT EXISTS OrleansStorage
                (
                    GrainIdHash INTEGER NOT NULL,
                    GrainTypeHash INTEGER NOT NULL,
                    GrainIdN0 INTEGER NOT NULL,
                    GrainIdN1 INTEGER NOT NULL,
                    GrainTypeString TEXT NOT NULL,
                    GrainIdExtensionString TEXT NOT NULL,
                    ServiceId TEXT NOT NULL,
                    PayloadBinary BLOB,
                    ModifiedOn TEXT NOT NULL,
                    Version INTEGER NOT NULL,
                    PRIMARY KEY ({Key})
                ) WITHOUT ROWID;
                """);
            foreach (var (key, text) in Queries)
                Execute(connection, "INSERT OR REPLACE INTO OrleansQuery (QueryKey, QueryText) VALUES ($key, $text);", ("$key", key),
                    ("$text", text));
        }
        catch (Exception e) when (e is SqliteException or UnauthorizedAccessException or IOException)
        {
            throw new IOException($"grain storage {path} cannot be used: {e.Message}", e);
        }
        return connectionString;
    }

    private static void Execute(SqliteConnection connection, string sql, params (string Name, string Value)[] parameters)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters)
            command.Parameters.AddWithValue(name, value);
        command.ExecuteNonQuery();
    }
}
