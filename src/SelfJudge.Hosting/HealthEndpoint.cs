using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using SelfJudge.Modeling.Hosting;

namespace SelfJudge.Hosting;

/// <summary>
/// <c>/health</c>: whether the device still does its work. A hung device does not stop a silo from answering pings, so
/// what counts is how long the batch now running has been running.
/// </summary>
internal static class HealthEndpoint
{
    public static void MapHealth(this WebApplication app, TimeSpan hungAfter) => app.MapGet("/health", (TimeProvider time) =>
    {
        var status = app.Services.GetService<IModelHost>()?.Status;
        var now = time.GetUtcNow();
        double? busy = (now - status?.BusySince)?.TotalSeconds, idle = (now - status?.LastBatchFinished)?.TotalSeconds;
        var hung = busy > hungAfter.TotalSeconds;
        return Results.Json(new
        {
            status = hung ? "hung" : "healthy",
            model_host = status is null ? null : app.Services.GetRequiredService<IModelHost>().Name,
            queue_length = status?.QueueLength,
            busy_seconds = busy,
            last_batch_finished_seconds_ago = idle,
            models = status?.Models,
        }, statusCode: hung ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status200OK);
    });
}
