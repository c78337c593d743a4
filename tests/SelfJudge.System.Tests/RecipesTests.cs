using SelfJudge.SystemTests.Processes;

namespace SelfJudge.SystemTests;

public sealed class RecipesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task What_comes_with_the_program_is_listed_with_its_first_sentence()
    {
        var listed = (await _folder.Client("recipes", "list")).Output.Split('\n');
        Assert.Contains(listed, l => l.StartsWith("smoke ", StringComparison.Ordinal)
            && l.Contains("A whole self-judge run of about a minute", StringComparison.Ordinal));
        Assert.Contains(listed, l => l.StartsWith("paper/hh-jsft ", StringComparison.Ordinal));
        Assert.Contains(listed, l => l.Contains("IPO (Azar et al. 2023)", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_recipe_is_copied_by_its_name_and_never_over_a_file()
    {
        Assert.Equal(0, (await _folder.Client("recipes", "copy", "smoke")).ExitCode);
        Assert.Equal((await _folder.Client("recipes", "show", "smoke")).Output, File.ReadAllText(_folder["smoke.yaml"]));
        var again = await _folder.Client("recipes", "copy", "smoke");
        Assert.Equal((1, $"{_folder["smoke.yaml"]} exists; name another file with --out\n"), (again.ExitCode, again.Errors));
    }

    [Fact]
    public async Task Where_a_command_takes_a_file_it_takes_a_name_too_and_a_file_goes_first()
    {
        Assert.Contains("smoke is valid: 2 stages, 440 steps", (await _folder.Client("recipes", "validate", "smoke")).Output);
        _folder.Write("smoke", "name: smoke", "data: {world_pairs: 10}",
            "stages: [{name: S, method: sft, steps: 1, learning_rate: 1, policy_examples: 1}]");
        Assert.Contains("smoke is valid: 1 stages, 1 steps", (await _folder.Client("recipes", "validate", "smoke")).Output);
        var unknown = await _folder.Client("train", "--recipe", "smok");
        Assert.Equal((1, "smok: no such recipe file, and none of that name comes with the program; 'recipes list' shows those that do\n"),
            (unknown.ExitCode, unknown.Errors));
    }
}
