/** What a SPIRE server of the trust domain `b.test` publishes: an X.509 authority and a key for tokens, public parts only. */
const certificate = [
  'MIIBlDCCATugAwIBAgIUep9DUkgRzkRqAMQ8Afyi1QUjSiAwCgYIKoZIzj0EAwIwETEPMA0GA1UECgwGYi50ZXN0MCAXDTI2MTEy',
  'OTE1MjQwN1oYDzIxMjYxMTA1MTUyNDA3WjARMQ8wDQYDVQQKDAZiLnRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASGlbzc',
  'w4rDCiFaRW3O4m06DS1d3tyCW5zuXtUoyU1GKZxNHxCA/u91OJ10AMsT9TH0UxlcxyNWWKN13kB6ycPMo28wbTAdBgNVHQ4EFgQU',
  'rncSjsFa2xty19QRff3vUxpJj1kwHwYDVR0jBBgwFoAUrncSjsFa2xty19QRff3vUxpJj1kwDwYDVR0TAQH/BAUwAwEB/zAaBgNV',
  'HREEEzARhg9zcGlmZmU6Ly9iLnRlc3QwCgYIKoZIzj0EAwIDRwAwRAIgdjMMU5cpH0UufLm4ADNgkH0vJcv/gMWeA+VJ+RSbHVQC',
  'IE18Yl/vhO0lcGCNiPxCWILkD7f+mV/n5YBL1hTASNOn',
].join('');

export const x509Key = {
  use: 'x509-svid',
  kty: 'EC',
  crv: 'P-256',
  x: 'hpW83MOKwwohWkVtzuJtOg0tXd7cgluc7l7VKMlNRik',
  y: 'nE0fEID-73U4nXQAyxP1MfRTGVzHI1ZYo3XeQHrJw8w',
  x5c: [certificate],
};

export const jwtKey = {
  use: 'jwt-svid',
  kid: 'first',
  kty: 'EC',
  crv: 'P-256',
  x: 'zv_L-mvHq5cUv1rdrKWynhlCp0I9kEZ4epljgahiSzY',
  y: 'Hr_itCs3uLrWzteWaHCOyz_7LVhvD02o8MU3644ic_M',
};

export const publishedBundle = JSON.stringify({
  keys: [x509Key, jwtKey],
  spiffe_sequence: 7,
  spiffe_refresh_hint: 300,
});
