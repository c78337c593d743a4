using System.Collections;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Settings;

namespace SelfJudge.Preferences.Recipes;

/// <summary>The keys of a recipe as a JSON schema (draft 2020-12), for editors and other programs. What takes several keys to be wrong is
/// not in it.</summary>
public static class RecipeSchema
{
    private static readonly JsonSerializerOptions Written =
        new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The schema as JSON.</summary>
    public static string Render()
    {
        var schema = Group(typeof(Recipe), new Recipe());
        schema["type"] = "object";
        schema.Insert(0, "$schema", "https://json-schema.org/draft/2020-12/schema");
        schema.Insert(1, "title", "SelfJudge.Actors recipe");
        return schema.ToJsonString(Written);
    }

    private static JsonObject Group(Type type, object? defaults)
    {
        var properties = new JsonObject();
        foreach (var key in SettingKeys.Of(type).Values)
            properties[key.Name] = Key(key, defaults is null ? null : key.Property.GetValue(defaults));
        var group = new JsonObject
        {
            ["type"] = new JsonArray("object", "null"),
            ["properties"] = properties,
            ["additionalProperties"] = false
        };
        if (SettingKeys.Of(type).Values.Where(k => k.Setting.IsRequired).Select(k => (JsonNode)k.Name)
            .ToArray() is { Length: > 0 } required)
            group["required"] = new JsonArray(required);
        if (type == typeof(StageRecipe))
            group["allOf"] = new JsonArray([.. StageMethods.All.Select(OfMethod)]);
        return group;
    }

    private static JsonObject Key(SettingKey key, object? value)
    {
        JsonObject schema;
        if (SettingKeys.ElementOf(key.Type) is { } element)
        {
            var item = Value(element, key.Setting);
            // One value stands for a list of one.
            schema = SettingKeys.IsGroup(element) ? new JsonObject { ["type"] = new JsonArray("array", "null") }
                : (JsonObject)item.DeepClone();
            if (!SettingKeys.IsGroup(element))
                schema["type"] = new JsonArray("array", (JsonNode)item["type"]!.GetValue<string>(), "null");
            else
                item["type"] = "object";
            schema["items"] = item;
        }
        else
        {
            schema = SettingKeys.IsGroup(key.Type) ? Group(key.Type, value ?? Activator.CreateInstance(key.Type))
                : Value(key.Type, key.Setting);
            // A key without a value has its default; one that must be there has none.
            if (!key.Setting.IsRequired && schema["enum"] is JsonArray names)
                names.Add(null);
            if (!key.Setting.IsRequired && schema["type"] is JsonValue named)
                schema["type"] = new JsonArray(named.DeepClone(), "null");
        }
        schema["description"] = RecipeKeys.MeaningOf(key);
        if (!key.Setting.IsRequired && !SettingKeys.IsGroup(key.Type) && value is not null)
            schema["default"] = value is IList { Count: 0 } ? new JsonArray() : Default(value);
        return schema;
    }

    private static JsonObject Value(Type type, SettingAttribute setting)
    {
        if (SettingKeys.IsGroup(type))
            return Group(type, Activator.CreateInstance(type));
        if (type.IsEnum)
            return new JsonObject { ["enum"] = new JsonArray([.. SettingNames.AllOf(type).Select(n => (JsonNode)n)]) };
        if (!SettingKeys.IsNumber(type))
            return type == typeof(bool) ? new JsonObject { ["type"] = "boolean" }
                : new JsonObject { ["type"] = "string", ["minLength"] = 1, ["maxLength"] = SettingKeys.MaxText };
        var number = new JsonObject { ["type"] = SettingKeys.IsWhole(type) ? "integer" : "number" };
        var bounds = new JsonObject();
        foreach (var (name, bound)
            in new[] { ("minimum", Math.Max(setting.AtLeast,
            type == typeof(int) ? int.MinValue : type == typeof(ulong) ? 0 : double.NegativeInfinity)),
            ("exclusiveMinimum", setting.MoreThan),
            ("maximum", Math.Min(setting.AtMost, type == typeof(int) ? int.MaxValue : double.PositiveInfinity)),
            ("exclusiveMaximum", setting.LessThan) })
            if (double.IsFinite(bound))
                bounds[name] = bound;
        if (setting.OrZero)
            number["anyOf"] = new JsonArray(new JsonObject { ["enum"] = new JsonArray(0, null) }, bounds);
        else
            foreach (var (name, bound) in bounds)
                number[name] = bound!.DeepClone();
        return number;
    }

    // What a method's stages do not have may stand there without a value only.
    private static JsonObject OfMethod(MethodSpec method) => new()
    {
        ["if"] = new JsonObject { ["properties"] = new JsonObject { ["method"] = new JsonObject { ["const"] = method.Name } } },
        ["then"] = new JsonObject { ["properties"] = Foreign(typeof(StageRecipe), method) },
    };

    private static JsonObject Foreign(Type type, MethodSpec method)
    {
        var properties = new JsonObject();
        foreach (var key in SettingKeys.Of(type).Values)
            if (!RecipeKeys.AppliesTo(key, method))
                properties[key.Name] = new JsonObject { ["type"] = "null" };
            else if (SettingKeys.IsGroup(key.Type) && Foreign(key.Type, method) is { Count: > 0 } within)
                properties[key.Name] = new JsonObject { ["properties"] = within };
        return properties;
    }

    private static JsonNode? Default(object value) => value switch
    {
        string text => text,
        bool flag => flag,
        Enum named => SettingNames.AllOf(named.GetType())[Array.IndexOf(Enum.GetValues(named.GetType()), named)],
        IEnumerable list => new JsonArray([.. list.Cast<object>().Select(Default)]),
        ulong natural => natural,
        int whole => whole,
        _ => double.Parse(Convert.ToString(value, CultureInfo.InvariantCulture)!, CultureInfo.InvariantCulture),
    };
}
