//! Asks an issuer by OpenID Connect: where to send a browser, and whom the code that it brings back stands for.
//!
//! What is believed is a token that the issuer's published key has signed, for this client, in this hour, with the nonce
//! of this attempt. Signatures by a shared secret, and none, are not taken whatever the issuer publishes.

use super::{Begun, Failure, Secrets, Vouched};
use crate::Error;
use crate::program::read;
use crate::server::config;
use crate::server::secret::Carried;
use crate::web::{Address, without_own_certificate};
use chrono::{DateTime, Utc};
use http_body_util::Full;
use hyper::body::Bytes;
use jiff::Timestamp;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreIdTokenVerifier, CoreJwsSigningAlgorithm,
    CoreProviderMetadata,
};
use openidconnect::{
    AsyncHttpClient, AuthenticationContextClass, AuthorizationCode, ClaimsVerificationError,
    ClientId, ClientSecret, CsrfToken, DiscoveryError, EndpointMaybeSet, EndpointNotSet,
    EndpointSet, ErrorResponse, HttpRequest, HttpResponse, IssuerUrl, Nonce, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RequestTokenError, TokenResponse as _,
};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::Mutex;
use tokio_rustls::rustls::ClientConfig;

/// How long an issuer's answer may be, in bytes.
const MOST: usize = 256 * 1024;

/// How long what an issuer publishes is believed without asking again, in seconds.
const KNOWN: i64 = 10 * 60;

/// How far the issuer's clock may be from ours, in seconds.
const TOLERANCE: i64 = 5 * 60;

/// How old a token may be when it comes, in seconds: it is asked for, and given at once.
const OLDEST: i64 = 10 * 60;

/// The algorithms whose signatures are taken.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 5] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// What an issuer is asked by, once it has published where.
type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// An issuer that vouches.
pub(super) struct Provider {
    name: String,
    issuer: IssuerUrl,
    client: ClientId,
    secret: Option<ClientSecret>,
    redirect: RedirectUrl,
    levels: Vec<String>,
    carrier: Carrier,
    known: Mutex<Option<(i64, CoreProviderMetadata)>>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl Provider {
    /// Makes an issuer ready to be asked, which sends browsers back to an address of ours.
    pub(super) fn open(config: &config::Issuer, back: &str) -> Result<Provider, Error> {
        let bad = |key: &str| Error::BadConfig {
            place: format!("`issuers`, `{key}`"),
            why: "it is no address".to_owned(),
        };
        let tls = config.authorities.as_deref().map(without_own_certificate).transpose()?;
        let secret = config.secret.as_deref().map(read).transpose()?;
        Ok(Provider {
            name: config.name.clone(),
            issuer: IssuerUrl::new(config.address.clone()).map_err(|_| bad("address"))?,
            client: ClientId::new(config.client.clone()),
            secret: secret.map(|secret| ClientSecret::new(secret.trim().to_owned())),
            redirect: RedirectUrl::new(back.to_owned()).map_err(|_| bad("public"))?,
            levels: config.levels.clone(),
            carrier: Carrier { tls },
            known: Mutex::default(),
        })
    }

    /// Returns who it is, as its tokens say.
    pub(super) fn issuer(&self) -> &str {
        self.issuer.as_str()
    }

    /// Returns its name for people.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns where a browser has to go that is to come back under a state.
    pub(super) async fn begin(
        &self,
        state: &Carried,
        secrets: Secrets,
        now: Timestamp,
    ) -> Result<Begun, Failure> {
        let client = self.client_of(self.metadata(now, now.as_second() - KNOWN).await?);
        let verifier = PkceCodeVerifier::new(secrets.verifier.clone());
        let (state, nonce) = (state.as_str().to_owned(), secrets.nonce.clone());
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                || CsrfToken::new(state),
                || Nonce::new(nonce),
            )
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        for level in &self.levels {
            request =
                request.add_auth_context_value(AuthenticationContextClass::new(level.clone()));
        }
        let (address, _, _) = request.url();
        Ok(Begun { address: address.to_string(), secrets })
    }

    /// Returns whom a code stands for.
    pub(super) async fn finish(
        &self,
        code: &str,
        secrets: Secrets,
        now: Timestamp,
    ) -> Result<Vouched, Failure> {
        let client = self.client_of(self.metadata(now, now.as_second() - KNOWN).await?);
        let exchange = client.exchange_code(AuthorizationCode::new(code.to_owned()));
        let exchange = exchange.map_err(|_| Failure::NotVouched("no place for codes"))?;
        let answer = exchange
            .set_pkce_verifier(PkceCodeVerifier::new(secrets.verifier))
            .request_async(&self.carrier)
            .await
            .map_err(refused)?;
        let token = answer.id_token().ok_or(Failure::NotVouched("no token"))?;
        let nonce = Nonce::new(secrets.nonce);
        let subject = |client: &Client| {
            let claims = token.claims(&self.verifier(client, now), &nonce)?;
            Ok(claims.subject().to_string())
        };
        match subject(&client) {
            Ok(subject) => Ok(Vouched { subject }),
            // The issuer may have a new key since it was asked: it is asked once more, and then believed or not.
            Err(ClaimsVerificationError::SignatureVerification(_)) => {
                let client = self.client_of(self.metadata(now, now.as_second()).await?);
                subject(&client).map(|subject| Vouched { subject }).map_err(|why| unproved(&why))
            }
            Err(why) => Err(unproved(&why)),
        }
    }

    fn client_of(&self, metadata: CoreProviderMetadata) -> Client {
        CoreClient::from_provider_metadata(metadata, self.client.clone(), self.secret.clone())
            .set_redirect_uri(self.redirect.clone())
    }

    fn verifier<'c>(&'c self, client: &'c Client, now: Timestamp) -> CoreIdTokenVerifier<'c> {
        let second = now.as_second();
        client
            .id_token_verifier()
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || {
                // A clock beyond what chrono counts to lets nothing in.
                DateTime::<Utc>::from_timestamp(second, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
            })
            .set_issue_time_verifier_fn(move |issued| {
                let age = second.saturating_sub(issued.timestamp());
                if (-TOLERANCE..=OLDEST + TOLERANCE).contains(&age) {
                    Ok(())
                } else {
                    Err("it was not issued about now".to_owned())
                }
            })
            .set_auth_context_verifier_fn(|level| {
                let is_asked = |level: &AuthenticationContextClass| {
                    self.levels.iter().any(|one| one == level.as_str())
                };
                if self.levels.is_empty() || level.is_some_and(is_asked) {
                    Ok(())
                } else {
                    Err("it is not of a level that was asked for".to_owned())
                }
            })
    }

    /// Returns what the issuer publishes, as of an instant or later. It is asked by one at a time.
    async fn metadata(&self, now: Timestamp, since: i64) -> Result<CoreProviderMetadata, Failure> {
        let mut known = self.known.lock().await;
        if let Some((at, metadata)) = known.as_ref()
            && *at > since
        {
            return Ok(metadata.clone());
        }
        let asked = CoreProviderMetadata::discover_async(self.issuer.clone(), &self.carrier).await;
        let metadata = asked.map_err(|error| match error {
            DiscoveryError::Request(error) => Failure::Unreachable(error),
            _ => Failure::Unreachable(Error::Unreachable {
                address: self.issuer.to_string(),
                why: "what it publishes is not of an issuer".to_owned(),
            }),
        })?;
        *known = Some((now.as_second(), metadata.clone()));
        Ok(metadata)
    }
}

/// Why a code stands for nobody.
fn refused<T: ErrorResponse>(error: RequestTokenError<Error, T>) -> Failure {
    match error {
        RequestTokenError::Request(error) => Failure::Unreachable(error),
        RequestTokenError::ServerResponse(_) => Failure::NotVouched("code"),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => Failure::NotVouched("answer"),
    }
}

/// Why a token proves nothing, in a word: what it says itself could be anything.
fn unproved(error: &ClaimsVerificationError) -> Failure {
    Failure::NotVouched(match error {
        ClaimsVerificationError::Expired(_) => "expired",
        ClaimsVerificationError::InvalidAudience(_) => "audience",
        ClaimsVerificationError::InvalidAuthContext(_) => "level",
        ClaimsVerificationError::InvalidIssuer(_) => "issuer",
        ClaimsVerificationError::InvalidNonce(_) => "nonce",
        ClaimsVerificationError::SignatureVerification(_) => "signature",
        _ => "token",
    })
}

/// Carries requests to an issuer over our own connections.
struct Carrier {
    tls: Option<Arc<ClientConfig>>,
}

impl<'c> AsyncHttpClient<'c> for Carrier {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Error>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let uri = request.uri().clone();
            let scheme = uri.scheme_str().unwrap_or_default();
            let authority = uri.authority().map_or("", |authority| authority.as_str());
            let address = Address::parse(&format!("{scheme}://{authority}"))?;
            let failed = |error: &dyn std::error::Error| address.unreachable(&error.to_string());
            let (mut head, body) = request.into_parts();
            let path = uri.path_and_query().map_or("/", |path| path.as_str());
            head.uri = path.parse().map_err(|error: http::uri::InvalidUri| failed(&error))?;
            let request = http::Request::from_parts(head, Full::new(Bytes::from(body)));
            let answer = address.exchange(self.tls.as_ref(), request, MOST).await?;
            let mut response = HttpResponse::new(answer.body.to_vec());
            *response.status_mut() =
                http::StatusCode::from_u16(answer.status).map_err(|error| failed(&error))?;
            *response.headers_mut() = answer.headers;
            Ok(response)
        })
    }
}
