using Microsoft.AspNetCore.Diagnostics;
using Npgsql;
using StreamSettlement.Contracts;
using StreamSettlement.Hosting;

namespace StreamSettlement.Settlement.Api;

/// <summary>Errors as RFC 9457 problem details.</summary>
internal static class Problems
{
    public static IResult NotFound(string detail) =>
        Results.Problem(statusCode: StatusCodes.Status404NotFound, title: "Not found", detail: detail);

    public static IResult Refused(string detail) =>
        Results.Problem(statusCode: StatusCodes.Status409Conflict, title: "Refused", detail: detail);

    public static IResult InTheFuture(BusinessDay day, BusinessDay today, string zone) =>
        Results.Problem(statusCode: StatusCodes.Status422UnprocessableEntity, title: "The day is in the future",
            detail: $"{day} has not begun: today is {today} in {zone}");

    public static IResult NotSent(string topic) =>
        Results.Problem(statusCode: StatusCodes.Status503ServiceUnavailable, title: "Kafka can't be reached",
            detail: $"the command could not be written to {topic}; nothing was started, try again (/health/ready says when it is back)");
}

/// <summary>A database that is down, or not there yet, is 503 with the reason; anything else stays 500.</summary>
internal sealed class DatabaseProblems(IProblemDetailsService problems) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        var detail = exception switch
        {
            PostgresException { SqlState: PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName } missing =>
                $"a table is not there yet ({missing.MessageText}): the services create their schemas when they start",
            _ when Transient.Postgres(exception) => $"PostgreSQL can't be reached: {exception.Message}",
            _ => null,
        };
        if (detail is null) return false;
        httpContext.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        return await problems.TryWriteAsync(new ProblemDetailsContext
        {
            HttpContext = httpContext,
            ProblemDetails = { Status = StatusCodes.Status503ServiceUnavailable, Title = "The database is not ready", Detail = detail },
        });
    }
}
