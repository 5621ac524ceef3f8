using System.Security.Claims;
using System.Text;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.IdentityModel.Tokens;

namespace StreamSettlement.Settlement.Api;

/// <summary>Who asks. Decisions that cost somebody money need a name, and the name is the token's, never free text.</summary>
internal static class OperatorAuth
{
    /// <summary>Policy of the routes that need a name.</summary>
    public const string Policy = "operator";

    private const string Anonymous = "api";

    public static void AddTo(IServiceCollection services, AuthOptions auth)
    {
        services.AddAuthentication(JwtBearerDefaults.AuthenticationScheme).AddJwtBearer(bearer =>
        {
            bearer.MapInboundClaims = false;
            if (auth.Authority.Length > 0)
            {
                (bearer.Authority, bearer.Audience) = (auth.Authority, auth.Audience);
                bearer.RequireHttpsMetadata = auth.Authority.StartsWith("https:", StringComparison.Ordinal);
            }
            else if (auth.SigningKey.Length > 0)
            {
                bearer.TokenValidationParameters = new TokenValidationParameters
                {
                    ValidIssuer = AuthOptions.LocalIssuer,
                    ValidAudience = auth.Audience.Length > 0 ? auth.Audience : AuthOptions.LocalIssuer,
                    IssuerSigningKey = new SymmetricSecurityKey(Encoding.UTF8.GetBytes(auth.SigningKey)),
                    ValidAlgorithms = [SecurityAlgorithms.HmacSha256],
                };
            }
            else
            {
                // No key is known, so no token can be right, and nothing is looked up to find out.
                bearer.TokenValidationParameters = new TokenValidationParameters { ValidIssuer = AuthOptions.LocalIssuer, ValidAudience = AuthOptions.LocalIssuer };
            }
            bearer.Events = new JwtBearerEvents { OnChallenge = context => ChallengeAsync(context, auth), OnForbidden = ForbiddenAsync };
        });
        services.AddAuthorizationBuilder().AddPolicy(Policy, policy => policy.RequireAuthenticatedUser().RequireAssertion(context => NameOf(context.User) is not null));
    }

    public static RouteHandlerBuilder RequireName(this RouteHandlerBuilder route) => route.RequireAuthorization(Policy).ProducesProblem(401).ProducesProblem(403);

    /// <summary>For what needs no name: the token's where there is a good one, otherwise <c>api</c>.</summary>
    public static string NameOrAnonymous(ClaimsPrincipal user) => NameOf(user) ?? Anonymous;

    /// <exception cref="InvalidOperationException">The route does not require the policy: a fault of ours.</exception>
    public static string Name(ClaimsPrincipal user) => NameOf(user) ?? throw new InvalidOperationException("a route that needs a name does not ask for one");

    private static string? NameOf(ClaimsPrincipal user) =>
        user.Identity is { IsAuthenticated: true } && (user.FindFirstValue("name") ?? user.FindFirstValue("sub"))?.Trim() is { Length: > 0 } name ? name : null;

    private static async Task ChallengeAsync(JwtBearerChallengeContext context, AuthOptions auth)
    {
        context.HandleResponse();
        context.Response.Headers.WWWAuthenticate = "Bearer";
        var detail = !auth.IsConfigured
            ? "this needs a name, and no tokens are accepted: set Settlement:Auth:Authority and Settlement:Auth:Audience, or Settlement:Auth:SigningKey"
            : context.AuthenticateFailure is { } failure
                ? $"the bearer token was refused: {failure.Message}"
                : "this needs a name: send a bearer token (Authorization: Bearer …; the command sends SETTLEMENT_TOKEN)";
        await Results.Problem(statusCode: StatusCodes.Status401Unauthorized, title: "Who asks?", detail: detail).ExecuteAsync(context.HttpContext);
    }

    private static Task ForbiddenAsync(ForbiddenContext context) => Results.Problem(
        statusCode: StatusCodes.Status403Forbidden, title: "The token names nobody",
        detail: "expected a claim 'name' or 'sub' in the token: it is written down with the decision").ExecuteAsync(context.HttpContext);
}
