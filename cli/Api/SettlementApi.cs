using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using StreamSettlement.Contracts;
using StreamSettlement.DevStack;

namespace StreamSettlement.Cli.Api;

/// <summary>A day as the API describes it.</summary>
/// <param name="Status">Open, Sealed, Balanced, Posted or OutOfBalance.</param>
/// <param name="Refusal">Why it is not posted; null when it is.</param>
/// <param name="Detail">The refusal in words, where the API gives any.</param>
/// <param name="Attempt">Newest attempt of the day's markers; null before the first.</param>
/// <param name="IsComparing">A close was asked for and books and target have not been compared since.</param>
internal sealed record DayState(string Status, string? Refusal, string? Detail, int? Attempt = null, bool IsComparing = false)
{
    /// <summary>A day that the service has not heard of.</summary>
    public static readonly DayState Unknown = new("Open", "NotIngested", null);

    public bool IsPosted => Status == "Posted";

    /// <summary>Posted, and the newest attempt is the one that is in the books.</summary>
    public bool IsUpToDate => IsPosted && Refusal == "AlreadyPosted";

    /// <summary>A difference after every repair. (The status alone may still be that of the attempt before.)</summary>
    public bool IsOutOfBalance => this is { Status: "OutOfBalance", Refusal: "OutOfBalance" };

    /// <summary>Waits for a person: a dead letter, or a difference after every repair.</summary>
    public bool IsStuck => Refusal == "DeadLetters" || IsOutOfBalance;

    /// <summary>True while the day gets on by itself: rows under way, markers not yet written or read, a repair asked for, a difference just accepted, a comparison to come.</summary>
    public bool MayChange => !IsStuck && (!IsPosted || IsComparing);
}

/// <summary>A dead letter as the API describes it.</summary>
internal sealed record LetterView(
    long Id, string Stream, int Partition, long Offset, BusinessDay? Day, long? RowId, int? SourceEpoch, string Reason, string Detail, string? Key, int? ValueBytes,
    string State, string? DecidedBy, string? DecidedReason, DateTimeOffset? DecidedAt, DateTimeOffset CreatedAt);

/// <summary>The client side of the settlement service's HTTP API: the one door for operators.</summary>
internal sealed class SettlementApi : IDisposable
{
    private const int LettersMax = 10_000;

    private readonly HttpClient http;

    /// <param name="token">Bearer token: in its name decisions are taken. Null for none.</param>
    /// <param name="transport">Null for the network.</param>
    public SettlementApi(Uri address, string? token = null, HttpMessageHandler? transport = null)
    {
        http = new HttpClient(transport ?? new SocketsHttpHandler()) { BaseAddress = address, Timeout = TimeSpan.FromSeconds(30) };
        if (token is not null) http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    /// <summary>
    /// The deployment named by SETTLEMENT_API, otherwise the local stack; with the token of SETTLEMENT_TOKEN, otherwise, for the local
    /// stack, one of its own in the user's name.
    /// </summary>
    /// <exception cref="DevStackException">Neither, or SETTLEMENT_API is no address.</exception>
    public static SettlementApi FromEnvironment(Func<StackEndpoints> local, TimeProvider time)
    {
        var named = Environment.GetEnvironmentVariable("SETTLEMENT_API");
        var token = Environment.GetEnvironmentVariable("SETTLEMENT_TOKEN") is { Length: > 0 } given ? given : null;
        if (string.IsNullOrEmpty(named)) return new SettlementApi(local().SettlementApi, token ?? local().Token(time.GetUtcNow()));
        return Uri.TryCreate(named, UriKind.Absolute, out var address) && address.Scheme is "http" or "https"
            ? new SettlementApi(new Uri(named.TrimEnd('/') + "/"), token)
            : throw new DevStackException($"SETTLEMENT_API is '{named}': expected an address such as http://127.0.0.1:8080");
    }

    public Uri Address => http.BaseAddress!;

    public Task EndDayAsync(BusinessDay day, CancellationToken token) => SendAsync(HttpMethod.Post, $"days/{day}/end", token);

    public Task CloseDayAsync(BusinessDay day, CancellationToken token) => SendAsync(HttpMethod.Post, $"days/{day}/close", token);

    public Task RepairDayAsync(BusinessDay day, CancellationToken token) => SendAsync(HttpMethod.Post, $"days/{day}/repair", token);

    /// <param name="attempt">The attempt whose difference was seen.</param>
    public Task AcceptDayAsync(BusinessDay day, int? attempt, string reason, CancellationToken token) =>
        SendAsync(HttpMethod.Post, $"days/{day}/accept", token, new JsonObject { ["reason"] = reason, ["attempt"] = attempt });

    /// <summary>Dead letters that concern the day, or all.</summary>
    /// <param name="state">open, redriven, discarded or all.</param>
    public async Task<IReadOnlyList<LetterView>> LettersAsync(BusinessDay? day, string state, CancellationToken token)
    {
        var path = $"dead-letters?state={state}&limit={LettersMax}{(day is null ? "" : $"&date={day}")}";
        return Read(path, await SendAsync(HttpMethod.Get, path, token), body => JsonSerializer.Deserialize<List<LetterView>>(body, ControlJson.Options));
    }

    /// <returns>Null when there is no such letter.</returns>
    public async Task<LetterView?> LetterAsync(long id, CancellationToken token)
    {
        var path = $"dead-letters/{id}";
        var (status, body) = await TrySendAsync(HttpMethod.Get, path, token);
        if (status == HttpStatusCode.NotFound) return null;
        Check(HttpMethod.Get, path, status, body);
        return Read(path, body, json => JsonSerializer.Deserialize<LetterView>(json, ControlJson.Options));
    }

    /// <returns>Null when it is asked for; otherwise why not: somebody has decided about the letter meanwhile, or there is none of this number.</returns>
    public async Task<string?> TryRedriveAsync(long letter, CancellationToken token)
    {
        var path = $"dead-letters/{letter}/redrive";
        var (status, body) = await TrySendAsync(HttpMethod.Post, path, token);
        if (status is HttpStatusCode.Conflict or HttpStatusCode.NotFound) return DescribeProblem((int)status, body);
        Check(HttpMethod.Post, path, status, body);
        return null;
    }

    /// <summary>Every open letter that concerns the day, or every open one.</summary>
    public Task RedriveAllAsync(BusinessDay? day, CancellationToken token) => SendAsync(HttpMethod.Post, $"dead-letters/redrive{(day is null ? "" : $"?date={day}")}", token);

    public Task DiscardAsync(long letter, string reason, CancellationToken token) =>
        SendAsync(HttpMethod.Post, $"dead-letters/{letter}/discard", token, new JsonObject { ["reason"] = reason });

    /// <returns>Null when the service has not heard of the day.</returns>
    public async Task<DayState?> DayAsync(BusinessDay day, CancellationToken token)
    {
        var (status, body) = await TrySendAsync(HttpMethod.Get, $"days/{day}", token);
        if (status == HttpStatusCode.NotFound) return null;
        Check(HttpMethod.Get, $"days/{day}", status, body);
        return Read($"days/{day}", body, ReadDay);
    }

    /// <returns>Null when <paramref name="json"/> describes no day.</returns>
    public static DayState? ReadDay(string json)
    {
        using var document = JsonDocument.Parse(json);
        var day = document.RootElement;
        if (Text(day, "status") is not { } status) return null;
        int? attempt = day.TryGetProperty("attempt", out var value) && value.ValueKind == JsonValueKind.Number ? value.GetInt32() : null;
        var isComparing = day.TryGetProperty("comparing", out var comparing) && comparing.ValueKind == JsonValueKind.True;
        return new DayState(status, Text(day, "refusal"), Text(day, "detail"), attempt, isComparing);
    }

    /// <summary>Every day, each an object, as the API shows it.</summary>
    public async Task<JsonArray> DaysAsync(CancellationToken token) => Read("days", await SendAsync(HttpMethod.Get, "days", token),
        body => JsonNode.Parse(body) is JsonArray days && days.All(day => day is JsonObject) ? days : null);

    public void Dispose() => http.Dispose();

    /// <summary>A problem document (RFC 9457) as one line: its title and detail; any other body as it is.</summary>
    public static string DescribeProblem(int status, string body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            var (title, detail) = (Text(document.RootElement, "title"), Text(document.RootElement, "detail"));
            if (title is not null || detail is not null) return string.Join(": ", new[] { title, detail }.Where(part => part is not null));
        }
        catch (JsonException)
        {
            // not JSON: shown as it came
        }
        return string.Create(CultureInfo.InvariantCulture, $"status {status}{(body.Length > 0 ? ": " + body : "")}");
    }

    private static string? Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>Says so where what answers is something else than the settlement service: a proxy, another port.</summary>
    private T Read<T>(string path, string body, Func<string, T?> read)
        where T : class
    {
        const int shown = 200;
        JsonException? cause = null;
        try
        {
            if (read(body) is { } value) return value;
        }
        catch (JsonException e)
        {
            cause = e;
        }
        throw new DevStackException(
            $"{Address}{path} answers, but not as the settlement service does. Is it the right address, and of this version? The answer: {(body.Length > shown ? body[..shown] + "…" : body)}", cause);
    }

    private static void Check(HttpMethod method, string path, HttpStatusCode status, string body)
    {
        if ((int)status is < 200 or > 299) throw new DevStackException($"{method} /{path}: {DescribeProblem((int)status, body)}");
    }

    private async Task<string> SendAsync(HttpMethod method, string path, CancellationToken token, JsonObject? json = null)
    {
        var (status, body) = await TrySendAsync(method, path, token, json);
        Check(method, path, status, body);
        return body;
    }

    private async Task<(HttpStatusCode Status, string Body)> TrySendAsync(HttpMethod method, string path, CancellationToken token, JsonObject? json = null)
    {
        try
        {
            using var request = new HttpRequestMessage(method, path);
            if (json is not null) request.Content = new StringContent(json.ToJsonString(), Encoding.UTF8, "application/json");
            using var response = await http.SendAsync(request, token);
            return (response.StatusCode, await response.Content.ReadAsStringAsync(token));
        }
        catch (HttpRequestException e)
        {
            throw new DevStackException($"The settlement service at {Address} cannot be reached: {e.Message}", e);
        }
        catch (TaskCanceledException e) when (!token.IsCancellationRequested)
        {
            throw new DevStackException($"The settlement service at {Address} did not answer {method} /{path} within {http.Timeout.TotalSeconds:0} s.", e);
        }
    }
}
